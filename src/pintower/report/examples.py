"""Which queries are shown with their rankings: where it went wrong, then where it went well."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pintower.report.rankings import Ranking, describe_ranking

__all__ = ["Group", "choose", "describe_examples"]

_CLEAR = 0.01
"""A smaller difference in nDCG@20 is nothing to look at."""

_FAR = 1.5
"""Levels between a score and the human level from which a pin is marked, on a graded scale."""


@dataclass(frozen=True)
class Group:
    """Queries that are shown for one reason.

    Attributes:
        title: the reason.
        note: what to look for.
        rankings: one a query.
    """

    title: str
    note: str
    rankings: Sequence[Ranking]


_IDEAL = (
    "Furthest from the ideal order",
    "Where the student's order loses most against sorting by the human levels.",
)
_BEHIND = (
    "Furthest behind BM25",
    "Where matching words alone gives a better order.",
)
_AHEAD = (
    "Furthest ahead of BM25",
    "Where the student's order gains most on matching words.",
)


def describe_examples(
    predictions: pl.DataFrame,
    titles: pl.DataFrame,
    by_query: pl.DataFrame,
    models: Sequence[str],
    count: int,
) -> list[Group]:
    """Return the queries to show with their rankings, the worst first.

    Args:
        predictions: the judged pairs with every model's score.
        titles: ``pin_id`` and ``title``.
        by_query: nDCG@20 of each query and model.
        models: names of the models.
        count: bad examples; a third as many good ones come after them.
    """
    pairs = predictions.join(titles, on="pin_id", how="left")
    chosen = choose(by_query, count)
    far = _far(predictions["level"])
    quality = {row["query"]: row for row in by_query.iter_rows(named=True)}
    return [
        Group(
            *reason,
            [
                describe_ranking(
                    pairs.filter(pl.col("query") == query), quality[query], models, far=far
                )
                for query in queries
            ],
        )
        for reason, queries in zip((_IDEAL, _BEHIND, _AHEAD), chosen, strict=True)
        if queries
    ]


def choose(by_query: pl.DataFrame, count: int) -> tuple[list[str], list[str], list[str]]:
    """Return queries furthest from the ideal, furthest behind BM25 and furthest ahead of it.

    A query whose pins all have one level can be ordered no better or worse, and is left out. Half
    of ``count`` are those behind BM25, as far as there are so many.
    """
    telling = by_query.filter(pl.col("levels") > 1)
    worst = _queries(telling.filter(pl.col("student") < 1 - _CLEAR).sort("student", "query"))
    if "bm25" not in telling.columns:
        return worst[:count], [], []
    gain = telling.with_columns(gain=pl.col("student") - pl.col("bm25"))
    losing = _queries(gain.filter(pl.col("gain") < -_CLEAR).sort("gain", "query"))
    first = worst[: count - min(count // 2, len(losing))]
    behind = [query for query in losing if query not in first][: count // 2]
    shown = {*first, *behind}
    winning = _queries(
        gain.filter(pl.col("gain") > _CLEAR).sort(["gain", "query"], descending=[True, False])
    )
    ahead = [query for query in winning if query not in shown][: math.ceil(count / 3)]
    return first, behind, ahead


def _far(levels: pl.Series) -> float:
    """Return from where a score is far off: of two levels, where it is nearer to the wrong one."""
    found = levels.unique().sort()
    return (found[1] - found[0]) / 2 if len(found) == 2 else _FAR


def _queries(table: pl.DataFrame) -> list[str]:
    return table["query"].to_list()
