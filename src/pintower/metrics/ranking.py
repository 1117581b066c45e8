"""Ranking measures that are fair to tied scores.

Where scores are equal, a ranking is a matter of chance (BM25 gives 0 to every pin without a term
of the query). Each measure of the first ranks is its mean over all orders of the tied pins, as in
McSherry & Najork (2008), "Computing Information Retrieval Performance Measures Efficiently in the
Presence of Tied Scores"; tools that break ties by id or by input order reward or punish a model by
accident. Rank correlations count ties by their own definition.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import kendalltau, spearmanr

__all__ = [
    "Measure",
    "gains",
    "kendall_tau",
    "ndcg",
    "per_query",
    "precision",
    "scaled_dcg",
    "spearman",
]

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
    weights = _discounts(min(k, len(gain)))
    ideal = np.sort(gain)[::-1][: len(weights)] @ weights
    return min(1.0, _expected(gain, np.asarray(scores), weights) / float(ideal))


def precision(levels: ArrayLike, scores: ArrayLike, k: int = 8, at_least: int = 4) -> float:
    """Return the share of the first ``k`` ranks held by pins of level ``at_least`` or higher.

    A query with fewer than ``k`` pins leaves the other ranks empty.
    """
    relevant = (np.asarray(levels) >= at_least).astype(np.float64)
    weights = np.ones(min(k, len(relevant)))
    return _expected(relevant, np.asarray(scores), weights) / k


def scaled_dcg(levels: ArrayLike, scores: ArrayLike, k: int = 25, top: int = 5) -> float:
    """Return the scaled discounted cumulative gain of the first ``k`` pins, in [0, 1].

    DCG@k divided by the DCG of ``k`` pins of the highest level: nDCG as if there were enough pins
    of that level for every query. It falls where the catalogue, not the order, is poor, and a query
    with fewer than ``k`` pins leaves the other ranks empty. Gains and discounts are those of
    :func:`ndcg`. Wang et al. (2025), "LLM-based Relevance Assessment for Web-Scale Search
    Evaluation at Pinterest", arXiv 2509.03764, measure sDCG@25.

    Args:
        levels: INT [N], 1 to ``top``; N at least 1.
        scores: FLOAT [N], the highest first in the ranking.
        k: ranks that count.
        top: the highest level there is.
    """
    gain = gains(levels)
    found = _expected(gain, np.asarray(scores), _discounts(min(k, len(gain))))
    return min(1.0, found / float(gains(top) * _discounts(k).sum()))


def kendall_tau(levels: ArrayLike, scores: ArrayLike) -> float:
    """Return Kendall's tau-b of one query's scores against its levels, in [-1, 1].

    Kendall (1945), "The Treatment of Ties in Ranking Problems". NaN where all pins have one level,
    which no order fits better than another; 0 where all scores are equal.
    """
    return _correlation(kendalltau, levels, scores)


def spearman(levels: ArrayLike, scores: ArrayLike) -> float:
    """Return Spearman's rank correlation of one query's scores with its levels, in [-1, 1].

    Ties have their mean rank. NaN and 0 as for :func:`kendall_tau`.
    """
    return _correlation(spearmanr, levels, scores)


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


def _correlation(measure: Callable[..., Any], levels: ArrayLike, scores: ArrayLike) -> float:
    if np.ptp(levels) == 0:
        return float("nan")
    return 0.0 if np.ptp(scores) == 0 else float(measure(levels, scores).statistic)


def _discounts(ranks: int) -> NDArray[np.float64]:
    discounts: NDArray[np.float64] = 1 / np.log2(np.arange(2, ranks + 2))
    return discounts


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
