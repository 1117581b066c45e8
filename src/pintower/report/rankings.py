"""One query's judged pins in the student's order, beside what people and other models say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pintower.report.names import model_name

__all__ = ["Order", "Pin", "Ranking", "describe_ranking"]

_FIRST = 8
_MOST = 20
_TEXT = 160


@dataclass(frozen=True)
class Order:
    """The human levels in a model's order.

    Attributes:
        name: of the model.
        quality: its nDCG@20; None for the ideal order.
        cells: level, and whether the model knows nothing of the pin (BM25 without a common word).
    """

    name: str
    quality: float | None
    cells: Sequence[tuple[int, bool]]


@dataclass(frozen=True)
class Pin:
    """One judged pin.

    Attributes:
        rank: in the student's order, from 1.
        title: empty where there is none.
        pin_id: as the dataset has it.
        level: a person's.
        student: the student's relevance score.
        teacher: the teacher's, None without one.
        bm25: BM25's score, None where it was not measured.
        bm25_rank: in BM25's order, None where pin and query have no word in common.
        far: ``high`` or ``low`` where the student's score is far above or below the level.
    """

    rank: int
    title: str
    pin_id: str
    level: int
    student: float
    teacher: float | None
    bm25: float | None
    bm25_rank: int | None
    far: str


@dataclass(frozen=True)
class Ranking:
    """One query.

    Attributes:
        query: as judged, cut where it is very long.
        pairs: judged pins.
        error: mean distance between the student's score and the level, in levels.
        orders: the student's order, the others' and the ideal one.
        pins: the first ones.
        more: those after them.
        hidden: how many are not shown at all.
    """

    query: str
    pairs: int
    error: float
    orders: Sequence[Order]
    pins: Sequence[Pin]
    more: Sequence[Pin]
    hidden: int


def describe_ranking(
    pairs: pl.DataFrame, quality: Mapping[str, Any], models: Sequence[str], *, far: float
) -> Ranking:
    """Return one query's ranking.

    Args:
        pairs: the query's judged pins: ``query``, ``pin_id``, ``title``, ``level`` and a column of
            scores for each model.
        quality: nDCG@20 of each model on this query.
        models: names of the models.
        far: levels between a score and the human level from which a pin is marked.
    """
    ordered = pairs.sort(["student", "pin_id"], descending=[True, False])
    if "bm25" in models:
        ordered = ordered.with_columns(
            bm25_rank=pl.col("bm25").rank("min", descending=True).cast(pl.Int64)
        )
    rows = ordered.head(_MOST).to_dicts()
    pins = [_pin(row, rank, far) for rank, row in enumerate(rows, start=1)]
    compared = [name for name in ("student", "bm25", "teacher") if name in models]
    ideal = pairs["level"].sort(descending=True).head(_MOST)
    return Ranking(
        query=_cut(pairs["query"][0]),
        pairs=len(pairs),
        error=float(np.abs(pairs["student"].to_numpy() - pairs["level"].to_numpy()).mean()),
        orders=[
            *(_order(pairs, name, quality[name]) for name in compared),
            Order("Ideal", None, [(level, False) for level in ideal]),
        ],
        pins=pins[:_FIRST],
        more=pins[_FIRST:],
        hidden=max(0, len(pairs) - _MOST),
    )


def _order(pairs: pl.DataFrame, model: str, quality: float) -> Order:
    ordered = pairs.sort([model, "pin_id"], descending=[True, False]).head(_MOST)
    unknown = [model == "bm25" and score <= 0 for score in ordered[model]]
    return Order(model_name(model), quality, list(zip(ordered["level"], unknown, strict=True)))


def _pin(row: Mapping[str, Any], rank: int, far: float) -> Pin:
    bm25 = row.get("bm25")
    off = row["student"] - row["level"]
    return Pin(
        rank=rank,
        title=_cut(row["title"] or ""),
        pin_id=row["pin_id"],
        level=row["level"],
        student=row["student"],
        teacher=row.get("teacher"),
        bm25=bm25,
        bm25_rank=row["bm25_rank"] if bm25 else None,
        far="high" if off >= far else "low" if off <= -far else "",
    )


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else text[: _TEXT - 1].rstrip() + "…"
