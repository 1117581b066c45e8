"""Columns that a model which predicts levels adds to a table of pairs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pintower.metrics.classification import predicted_levels
from pintower.models.scoring_head import LEVELS

__all__ = ["level_columns"]


def level_columns(name: str, probabilities: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Return a model's columns, as :func:`pintower.metrics.comparison.compare` reads them.

    Args:
        name: the model's.
        probabilities: of the levels, FP32 [N, 5].

    Returns:
        ``<name>``, the expected level FP32 [N]; ``<name>_level``, the most probable one INT64 [N];
        ``<name>_confidence``, its probability FP32 [N].
    """
    return {
        name: probabilities @ np.arange(1, LEVELS + 1, dtype=np.float32),
        f"{name}_level": predicted_levels(probabilities),
        f"{name}_confidence": probabilities.max(axis=1),
    }
