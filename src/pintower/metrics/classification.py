"""How well levels are told apart: accuracy, AUROC, distance in levels."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "accuracy",
    "auroc",
    "level_metrics",
    "one_class_reason",
    "predicted_levels",
    "weighted_aurocs",
]


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


def auroc(relevant: ArrayLike, scores: ArrayLike) -> float | None:
    """Return the area under the ROC curve, or None where only one class is there.

    Args:
        relevant: BOOL [N].
        scores: FLOAT [N].
    """
    area = float(weighted_aurocs(relevant, scores, np.ones((1, len(np.asarray(scores)))))[0])
    return None if np.isnan(area) else area


def weighted_aurocs(
    relevant: ArrayLike, scores: ArrayLike, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the area under the ROC curve for each of R weightings of the same pairs, FP64 [R].

    The chance that a relevant pair scores higher than another, a tie counting half: the number that
    scikit-learn's ``roc_auc_score`` gives for one weighting; the bootstrap needs thousands.

    Args:
        relevant: BOOL [N].
        scores: FLOAT [N].
        weights: FP64 [R, N], how often each pair counts.

    Returns:
        FP64 [R]; NaN where only one class has weight.
    """
    order = np.argsort(scores, kind="stable")
    ordered, is_relevant = np.asarray(scores)[order], np.asarray(relevant, dtype=bool)[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ranked = weights[:, order]
    positive = np.add.reduceat(ranked * is_relevant, starts, axis=1)
    negative = np.add.reduceat(ranked * ~is_relevant, starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    total = positive.sum(axis=1) * negative.sum(axis=1)
    wins = (positive * below).sum(axis=1)
    areas: NDArray[np.float64] = np.full(len(weights), np.nan)
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
