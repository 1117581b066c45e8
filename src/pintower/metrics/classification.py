"""How well levels are told apart: accuracy, macro F1, AUROC, distance in levels."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "accuracy",
    "auroc",
    "confusions",
    "level_metrics",
    "macro_f1",
    "one_class_reason",
    "predicted_levels",
    "resampled_aurocs",
]

_LEVELS = 5


def predicted_levels(probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the most probable level, INT64 [N], of probabilities [N, 5]."""
    best: NDArray[np.int64] = probabilities.argmax(axis=1) + 1
    return best


def accuracy(levels: ArrayLike, predicted: ArrayLike, *, within: int = 0) -> float:
    """Return the share of pairs whose predicted level is at most ``within`` off.

    Args:
        levels: INT [N]; N at least 1.
        predicted: INT [N].
        within: tolerated distance in levels.
    """
    distance = np.abs(np.asarray(levels, np.int64) - np.asarray(predicted, np.int64))
    return float(np.mean(distance <= within))


def confusions(
    levels: ArrayLike, predicted: ArrayLike, group: NDArray[np.int64], queries: int
) -> NDArray[np.float64]:
    """Return how often each level was predicted as each, by query: FP64 [Q, 5, 5], given first.

    Args:
        levels: INT [N], 1 to 5.
        predicted: INT [N], 1 to 5.
        group: INT64 [N], each pair's query.
        queries: Q.
    """
    given, said = np.asarray(levels, np.int64) - 1, np.asarray(predicted, np.int64) - 1
    cell = (group * _LEVELS + given) * _LEVELS + said
    counts = np.bincount(cell, minlength=queries * _LEVELS**2).astype(np.float64)
    return counts.reshape(queries, _LEVELS, _LEVELS)


def macro_f1(confusion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over levels of F1, the harmonic mean of precision and recall.

    As scikit-learn's ``f1_score(average="macro")``: a level that neither people nor the model gave
    does not count.

    Args:
        confusion: FP64 [..., 5, 5], counts of given and predicted levels.

    Returns:
        FP64 [...]; NaN where nothing was counted.
    """
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    both = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    each = np.divide(2 * right, both, out=np.zeros_like(both), where=both > 0)
    there = (both > 0).sum(axis=-1)
    mean: NDArray[np.float64] = np.full(there.shape, np.nan)
    np.divide(each.sum(axis=-1), there, out=mean, where=there > 0)
    return mean


def auroc(relevant: ArrayLike, scores: ArrayLike) -> float | None:
    """Return the area under the ROC curve, or None where only one class is there.

    Args:
        relevant: BOOL [N].
        scores: FLOAT [N].
    """
    each = np.arange(len(np.asarray(scores)))
    area = float(resampled_aurocs(relevant, scores, each, np.ones((1, len(each))))[0])
    return None if np.isnan(area) else area


def resampled_aurocs(
    relevant: ArrayLike, scores: ArrayLike, group: NDArray[np.int64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the area under the ROC curve for each of R draws of whole queries, FP64 [R].

    The chance that a relevant pair scores higher than another, a tie counting half: the number that
    scikit-learn's ``roc_auc_score`` gives for one weighting; the bootstrap needs thousands.

    Args:
        relevant: BOOL [N].
        scores: FLOAT [N].
        group: INT64 [N], each pair's query.
        counts: FP64 [R, Q], how often each query was drawn.

    Returns:
        FP64 [R]; NaN where only one class was drawn.
    """
    order = np.argsort(scores, kind="stable")
    is_relevant = np.asarray(relevant, dtype=bool)[order]
    ordered, query = np.asarray(scores)[order], group[order]
    drawn = np.ascontiguousarray(counts.T)  # rows of draws: gathered and summed whole
    others = ordered[~is_relevant]
    below = np.zeros((len(others) + 1, len(counts)))
    np.cumsum(drawn[query[~is_relevant]], axis=0, out=below[1:])
    positive = drawn[query[is_relevant]]
    first = np.searchsorted(others, ordered[is_relevant], "left")
    last = np.searchsorted(others, ordered[is_relevant], "right")
    wins = np.einsum("nr,nr->r", positive, below[first])
    if (first != last).any():
        wins = (wins + np.einsum("nr,nr->r", positive, below[last])) / 2
    total = positive.sum(axis=0) * below[-1]
    areas: NDArray[np.float64] = np.full(len(counts), np.nan)
    np.divide(wins, total, out=areas, where=total > 0)
    return areas


def one_class_reason(levels: ArrayLike, at_least: int) -> str:
    """Say why there is no AUROC at a level."""
    levels = np.asarray(levels)
    side = "reach" if (levels >= at_least).any() else "stay below"
    return f"all {len(levels)} judgments {side} level {at_least}"


def level_metrics(levels: ArrayLike, probabilities: NDArray[np.float32]) -> dict[str, Any]:
    """Return what tells whether a model has learned the levels.

    Args:
        levels: INT [N], 1 to 5; N at least 1.
        probabilities: FP32 [N, 5].

    Returns:
        ``pairs``, ``accuracy``, ``accuracy_within_one``, ``accuracy_majority`` (of always
        saying the commonest level), ``auroc_3`` (with ``auroc_3_reason`` where
        it is None) and ``mae`` of the expected level.
    """
    levels = np.asarray(levels, dtype=np.int64)
    predicted = predicted_levels(probabilities)
    score = probabilities.astype(np.float64) @ np.arange(1, probabilities.shape[1] + 1)
    area = auroc(levels >= 3, score)
    values: dict[str, Any] = {
        "pairs": len(levels),
        "accuracy": accuracy(levels, predicted),
        "accuracy_within_one": accuracy(levels, predicted, within=1),
        "accuracy_majority": float(np.bincount(levels).max() / len(levels)),
        "auroc_3": area,
        "mae": float(np.abs(score - levels).mean()),
    }
    if area is None:
        values["auroc_3_reason"] = one_class_reason(levels, 3)
    return values
