"""What embeddings of pins cost in nDCG, on judged pairs of real queries."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.metrics.ranking import ndcg, per_query
from pintower.models.student import Student

__all__ = ["Judged", "unit"]


@dataclass(frozen=True)
class Judged:
    """What a ranking is measured on.

    Attributes:
        query: INT64 [N], of each pair.
        pin: INT64 [N], its row among the pins.
        levels: INT64 [N].
        queries: embeddings in torch fp32, FP32 [Q, D].
    """

    query: NDArray[np.int64]
    pin: NDArray[np.int64]
    levels: NDArray[np.int64]
    queries: NDArray[np.float32]

    @classmethod
    def of(cls, student: Student, pins: pl.DataFrame, judgments: pl.DataFrame) -> "Judged":
        """Take the judged pairs whose pin is among some pins, of queries with several levels."""
        row_of = {pin_id: row for row, pin_id in enumerate(pins["pin_id"])}
        known = judgments.filter(pl.col("pin_id").is_in(row_of.keys()))
        judged = known.filter(pl.col("level").n_unique().over("query") > 1).sort("query")
        names = judged["query"].unique(maintain_order=True)
        number = {query: place for place, query in enumerate(names)}
        return cls(
            query=np.array([number[query] for query in judged["query"]]),
            pin=np.array([row_of[pin_id] for pin_id in judged["pin_id"]]),
            levels=judged["level"].to_numpy().astype(np.int64),
            queries=unit(student.embed_queries(names.to_list(), None)),
        )

    def per_query(self, pins: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the nDCG@10 of every query, FP64 [Q], ranked by cosine."""
        scores = np.einsum("nd,nd->n", self.queries[self.query], unit(pins)[self.pin])
        return per_query(lambda levels, given: ndcg(levels, given, 10), self.query, self.levels,
                         scores)  # fmt: skip

    def loss(self, pins: NDArray[np.float32], wanted: NDArray[np.float64]) -> tuple[float, float]:
        """Return what pins lose, as a share of the nDCG wanted, and its standard error.

        Args:
            pins: embeddings FP32 [P, D].
            wanted: nDCG of every query with other embeddings, FP64 [Q].
        """
        lost = wanted - self.per_query(pins)
        error = lost.std() / np.sqrt(len(lost))
        return float(lost.mean() / wanted.mean()), float(error / wanted.mean())


def unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows of length 1."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = rows / np.maximum(length, 1e-12)
    return scaled
