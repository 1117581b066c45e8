"""Confidence intervals by resampling queries.

Pairs of one query are not independent, so whole queries are drawn (a cluster bootstrap); two models
are compared on the same draws. Efron & Tibshirani (1993), "An Introduction to the Bootstrap".
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "Resampling", "bootstrap", "mean_difference", "mean_of_queries"]

Statistic = Callable[[NDArray[np.float64]], float | None]
"""How often each query was drawn, FP64 [Q], to a number, or None where it has none."""


@dataclass(frozen=True)
class Resampling:
    """How intervals are drawn.

    Attributes:
        resamples: number of draws.
        confidence: of the interval, in (0, 1).
        seed: for the draws.
    """

    resamples: int = 1_000
    confidence: float = 0.95
    seed: int = 7


@dataclass(frozen=True)
class Estimate:
    """A measured value and its percentile interval; all None where the value does not exist."""

    value: float | None
    low: float | None
    high: float | None


def bootstrap(statistic: Statistic, queries: int, resampling: Resampling) -> Estimate:
    """Return a statistic over all queries and its percentile interval.

    Args:
        statistic: computed once with every query counted once, then for each draw. Draws for which
            it is None are left out.
        queries: Q.
        resampling: number of draws, confidence, seed.
    """
    value = statistic(np.ones(queries)) if queries else None
    if value is None:
        return Estimate(None, None, None)
    random = np.random.default_rng(resampling.seed)
    drawn = []
    for _ in range(resampling.resamples):
        counts = np.bincount(random.integers(queries, size=queries), minlength=queries)
        result = statistic(counts.astype(np.float64))
        if result is not None:
            drawn.append(result)
    tail = (1 - resampling.confidence) / 2
    low, high = np.quantile(drawn or [value], [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))


def mean_of_queries(values: NDArray[np.float64], resampling: Resampling) -> Estimate:
    """Return the mean of a per-query measure FP64 [Q] with its interval."""
    return bootstrap(lambda counts: float(counts @ values / counts.sum()), len(values), resampling)


def mean_difference(
    values: NDArray[np.float64], others: NDArray[np.float64], resampling: Resampling
) -> Estimate:
    """Return the mean of ``values - others``, FP64 [Q] each, paired by query, with its interval."""
    return mean_of_queries(values - others, resampling)
