"""Judged pairs that a graph's rankings are compared on, and the draw of their queries."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.data.draws import in_drawn_order
from pintower.export.languages import stated_languages
from pintower.models.pairs import Pairs
from pintower.models.scoring_head import LEVELS
from pintower.models.student import Student

__all__ = ["LEAST_QUERIES", "JudgedPairs", "draw_judgments"]

LEAST_QUERIES = 20
"""Judged queries of a language, at least, for its loss of nDCG to be measured by itself: with
fewer, one query moves it by more than a twentieth of what that query loses."""


@dataclass(frozen=True)
class JudgedPairs:
    """Judged pairs with what scoring them takes besides the queries' embeddings.

    Attributes:
        pairs: N of them, over Q queries and P pins.
        levels: INT64 [N].
        languages: of the judgments, N; None where they are all of one, or name none.
        drawn: BOOL [N], whether a pair's query was drawn among all; the others were added for their
            language's own figures, and all queries together are measured without them.
        match_features: FP32 [N, F].
        pins: embeddings in torch, FP32 [P, D].
        queries: embeddings in torch, FP32 [Q, D].
    """

    pairs: Pairs
    levels: NDArray[np.int64]
    languages: NDArray[np.str_] | None
    drawn: NDArray[np.bool_]
    match_features: NDArray[np.float32]
    pins: NDArray[np.float32]
    queries: NDArray[np.float32]

    def scores(
        self,
        student: Student,
        *,
        queries: NDArray[np.float32] | None = None,
        pins: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Return the relevance score FP32 [N] of every pair.

        Args:
            student: its scoring head scores, in fp32.
            queries: other embeddings of the queries, FP32 [Q, D].
            pins: other embeddings of the pins, FP32 [P, D].
        """
        asked = (self.queries if queries is None else queries)[self.pairs.query]
        shown = (self.pins if pins is None else pins)[self.pairs.pin]
        probabilities = student.score(asked, shown, self.match_features)
        scores = probabilities @ np.arange(1, LEVELS + 1, dtype=np.float32)
        return scores.astype(np.float32)


def draw_judgments(judgments: pl.DataFrame, count: int, seed: int) -> pl.DataFrame:
    """Return the judgments of some queries: held-out ones, of any queries where none is.

    Queries whose pins are all of one level tell nothing about a ranking and are left out. Where the
    draw holds fewer than :data:`LEAST_QUERIES` of a language, its next ones are added.

    Args:
        judgments: ``query``, ``pin_id``, ``level``, ``split`` and, where there is one,
            ``language``.
        count: queries, at most, that are drawn among all.
        seed: for the draw, which follows from the texts of the queries.

    Returns:
        Rows by query and pin. ``language`` is ``unknown`` where a judgment names none and another
        does, and null where they are all of one language; ``drawn`` is false for what was added.
    """
    held_out = judgments.filter(pl.col("split") == "test")
    table = judgments if held_out.is_empty() else held_out
    table = table.filter(_levels().over("query") > 1)
    spoken = stated_languages(table)
    table = table.with_columns(
        pl.lit(None, pl.String).alias("language") if spoken is None else spoken
    )
    order = in_drawn_order(table["query"].unique(), seed)
    drawn = order[:count]
    table = table.with_columns(pl.col("query").is_in(drawn).alias("drawn"))
    added = pl.col("query").is_in(_of_each_language(table, order))
    return table.filter(pl.col("drawn") | added).sort("query", "pin_id")


def _of_each_language(table: pl.DataFrame, order: list[str]) -> set[str]:
    """Return each language's first queries, of those that have pins of several levels in it."""
    found: set[str] = set()
    telling = table.group_by("query", "language").agg(_levels()).filter(pl.col("level") > 1)
    for language in telling["language"].drop_nulls().unique():
        own = set(telling.filter(pl.col("language") == language)["query"])
        found |= set([query for query in order if query in own][:LEAST_QUERIES])
    return found


def _levels() -> pl.Expr:
    return pl.col("level").n_unique()
