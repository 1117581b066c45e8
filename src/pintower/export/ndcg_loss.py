"""Loss of nDCG of a graph's ranking against torch's, with its interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pintower.metrics.bootstrap import Resampling, bootstrap

__all__ = ["NdcgLoss", "measure_loss"]


@dataclass(frozen=True)
class NdcgLoss:
    """Share of torch's mean nDCG that a graph loses; NaN where there is none.

    Attributes:
        value: over all queries.
        low: lower end of its interval.
        high: upper end.
        detail: sizes, means and the interval, as a gate tells them.
    """

    value: float
    low: float
    high: float
    detail: Mapping[str, Any]

    def is_told(self, limit: float) -> bool:
        """Return whether the queries can tell a loss of that size: the interval is no wider."""
        return (self.high - self.low) / 2 <= limit


def measure_loss(
    before: NDArray[np.float64], after: NDArray[np.float64], resampling: Resampling
) -> NdcgLoss:
    """Return the loss over queries, resampled as a whole.

    Args:
        before: nDCG of each query in torch, FP64 [Q].
        after: with the graph, FP64 [Q].
        resampling: number of draws, confidence, seed.
    """
    found = bootstrap(
        lambda counts: 1 - (counts @ after) / (counts @ before), len(before), resampling
    )
    value, low, high = (
        np.nan if part is None else part for part in (found.value, found.low, found.high)
    )
    detail = {
        "queries": len(before),
        "low": low,
        "high": high,
        "confidence": resampling.confidence,
        "ndcg_torch": float(before.mean()),
        "ndcg_graph": float(after.mean()),
    }
    return NdcgLoss(value, low, high, detail)
