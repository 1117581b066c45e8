"""Ranking measures that are fair to tied scores.

Where scores are equal, a ranking is a matter of chance (BM25 gives 0 to every pin without a term
of the query). Each measure here is its mean over all orders of the tied pins, as in McSherry &
Najork (2008), "Computing Information Retrieval Performance Measures Efficiently in the Presence of
Tied Scores"; tools that break ties by id or by input order reward or punish a model by accident.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Measure", "gains", "ndcg", "per_query", "precision"]

Measure = Callable[[NDArray[np.int64], NDArray[np.float64]], float]
"""Levels [N] and scores [N] of one query's pins to one number."""


def gains(levels: ArrayLike) -> NDArray[np.float64]:
    """Return ``2 ** level - 1``, the gain of each level."""
    return np.exp2(np.asarray(levels, dtype=np.float64)) - 1


def ndcg(levels: ArrayLike, scores: ArrayLike, k: int = 20) -> float:
    """Return the normalized discounted cumulative gain of the first ``k`` pins, in [0, 1].

    Järvelin & Kekäläinen (2002), with gains ``2 ** level - 1`` and discounts
    ``1 / log2(rank + 1)``.

    Args:
        levels: INT [N], 1 to 5; N at least 1.
        scores: FLOAT [N], the highest first in the ranking.
        k: ranks that count.
    """
    gain = gains(levels)
    weights = 1 / np.log2(np.arange(2, min(k, len(gain)) + 2))
    ideal = np.sort(gain)[::-1][: len(weights)] @ weights
    return min(1.0, _expected(gain, np.asarray(scores), weights) / float(ideal))


def precision(levels: ArrayLike, scores: ArrayLike, k: int = 8, at_least: int = 4) -> float:
    """Return the share of the first ``k`` ranks held by pins of level ``at_least`` or higher.

    A query with fewer than ``k`` pins leaves the other ranks empty.
    """
    relevant = (np.asarray(levels) >= at_least).astype(np.float64)
    weights = np.ones(min(k, len(relevant)))
    return _expected(relevant, np.asarray(scores), weights) / k


def per_query(
    measure: Measure, group: NDArray[np.int64], levels: ArrayLike, scores: ArrayLike
) -> NDArray[np.float64]:
    """Return a measure of each query, FP64 [Q].

    Args:
        measure: what to compute for one query's pins.
        group: INT64 [N], each pair's query, numbered 0 to Q - 1, every number in use.
        levels: INT [N].
        scores: FLOAT [N].
    """
    order = np.argsort(group, kind="stable")
    borders = np.cumsum(np.bincount(group))[:-1]
    parts = (np.split(np.asarray(values)[order], borders) for values in (levels, scores))
    return np.array([measure(*pair) for pair in zip(*parts, strict=True)])


def _expected(
    values: NDArray[np.float64], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    """Return the expected sum of ``values`` times their rank's weight; ties share their ranks."""
    distinct, tied = np.unique(-scores, return_inverse=True)
    counts = np.bincount(tied, minlength=len(distinct))
    until = np.concatenate([[0.0], np.cumsum(np.pad(weights, (0, len(values) - len(weights))))])
    ends = np.cumsum(counts)
    weight = until[ends] - until[ends - counts]
    return float((np.bincount(tied, values, len(distinct)) / counts) @ weight)
