"""How well levels are told apart: accuracy, AUROC, distance in levels."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["accuracy", "auroc", "level_metrics", "one_class_reason", "predicted_levels"]

Weights = NDArray[np.float64]


def predicted_levels(probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the most probable level, INT64 [N], of probabilities [N, 5]."""
    best: NDArray[np.int64] = probabilities.argmax(axis=1) + 1
    return best


def accuracy(
    levels: ArrayLike, predicted: ArrayLike, *, within: int = 0, weights: Weights | None = None
) -> float:
    """Return the share of pairs whose predicted level is at most ``within`` off.

    Args:
        levels: INT [N]; N at least 1.
        predicted: INT [N].
        within: tolerated distance in levels.
        weights: FP64 [N], how often each pair counts; 1 each without it.
    """
    hits = np.abs(np.asarray(levels, np.int64) - np.asarray(predicted, np.int64)) <= within
    return float(np.average(hits, weights=weights))


def auroc(relevant: ArrayLike, scores: ArrayLike, weights: Weights | None = None) -> float | None:
    """Return the area under the ROC curve, or None where only one class is there.

    The chance that a relevant pair scores higher than another, a tie counting half. The same number
    as scikit-learn's ``roc_auc_score``, in one pass: the bootstrap asks for it thousands of times.

    Args:
        relevant: BOOL [N].
        scores: FLOAT [N].
        weights: FP64 [N], how often each pair counts; 1 each without it.
    """
    relevant = np.asarray(relevant, dtype=bool)
    weights = np.ones(len(relevant)) if weights is None else weights
    distinct, tied = np.unique(np.asarray(scores), return_inverse=True)
    positive = np.bincount(tied, weights * relevant, len(distinct))
    negative = np.bincount(tied, weights * ~relevant, len(distinct))
    total = positive.sum() * negative.sum()
    if not total:
        return None
    return float(positive @ (np.cumsum(negative) - negative / 2) / total)


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
