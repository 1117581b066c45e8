"""Confidence intervals by resampling queries.

Pairs of one query are not independent, so whole queries are drawn (a cluster bootstrap); two models
are compared on the same draws. Efron & Tibshirani (1993), "An Introduction to the Bootstrap".
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "Resampling", "bootstrap", "mean_difference", "mean_of_queries"]

_AT_ONCE = 100

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""How often each query was drawn, FP64 [R, Q], to a number for each draw, FP64 [R], or NaN."""


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
        statistic: computed once with every query counted once, then for the draws, some at a time.
            Draws for which it is NaN are left out.
        queries: Q.
        resampling: number of draws, confidence, seed.
    """
    value = float(statistic(np.ones((1, queries)))[0]) if queries else np.nan
    if np.isnan(value):
        return Estimate(None, None, None)
    draws = _draw(queries, resampling.resamples, resampling.seed)
    starts = range(0, len(draws), _AT_ONCE)
    parts = (draws[start : start + _AT_ONCE].astype(np.float64) for start in starts)
    values = np.concatenate([statistic(part) for part in parts])
    values = values[~np.isnan(values)]
    tail = (1 - resampling.confidence) / 2
    low, high = np.quantile(values if len(values) else [value], [tail, 1 - tail])
    return Estimate(value, float(low), float(high))


@lru_cache(maxsize=4)
def _draw(queries: int, resamples: int, seed: int) -> NDArray[np.uint16]:
    """Return how often each query is in each draw, UINT16 [R, Q]."""
    random = np.random.default_rng(seed)
    draws = np.zeros((resamples, queries), dtype=np.uint16)
    for row in draws:
        row[:] = np.bincount(random.integers(queries, size=queries), minlength=queries)
    return draws


def mean_of_queries(values: NDArray[np.float64], resampling: Resampling) -> Estimate:
    """Return the mean of a per-query measure with its interval.

    Args:
        values: FP64 [Q]; a query with NaN has no value and is left out of the mean.
        resampling: of the interval.
    """
    there = ~np.isnan(values)
    known = np.where(there, values, 0.0)

    def mean(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        drawn = counts @ there
        means: NDArray[np.float64] = np.full(len(counts), np.nan)
        np.divide(counts @ known, drawn, out=means, where=drawn > 0)
        return means

    return bootstrap(mean, len(values), resampling)


def mean_difference(
    values: NDArray[np.float64], others: NDArray[np.float64], resampling: Resampling
) -> Estimate:
    """Return the mean of ``values - others``, FP64 [Q] each, paired by query, with its interval."""
    return mean_of_queries(values - others, resampling)
