"""The precisions a snapshot's embeddings can have."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

__all__ = ["PRECISIONS", "Precision", "reduce_rows", "restore_rows"]

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""From the most to the least exact."""

_LEVELS = 127
_TYPES: dict[Precision, type[np.generic]] = {
    "fp32": np.float32,
    "fp16": np.float16,
    "int8": np.int8,
}


def reduce_rows(
    embeddings: NDArray[np.float32], precision: Precision
) -> tuple[NDArray[np.generic], NDArray[np.float32] | None]:
    """Return embeddings as they are kept, [N, D], and with INT8 each row's scale, FP32 [N].

    INT8 is symmetric, a scale for each pin: its largest component is 127. A row that is not finite
    stays so, by its scale.
    """
    if precision != "int8":
        return np.ascontiguousarray(embeddings, dtype=_TYPES[precision]), None
    largest = np.abs(embeddings).max(axis=1, initial=0.0)
    scales = (largest / _LEVELS).astype(np.float32)
    finite = np.isfinite(scales)
    divisors = np.where(finite & (scales > 0), scales, 1)[:, None]
    levels = np.rint(np.where(finite[:, None], embeddings, 0) / divisors)
    return levels.astype(np.int8), np.where(finite, scales, np.nan).astype(np.float32)


def restore_rows(
    kept: NDArray[np.generic], scales: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Return embeddings FP32 [N, D] of what :func:`reduce_rows` gave; a copy where it changes."""
    embeddings = kept.astype(np.float32, copy=False)
    if scales is not None:
        embeddings *= scales[:, None]
    return embeddings
