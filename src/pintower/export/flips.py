"""Pairs that change places between two rankings of the same pins."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["count_flips"]


def count_flips(
    reference: NDArray[np.float32], other: NDArray[np.float32], top: int
) -> tuple[int, int]:
    """Count the pairs among the reference's first pins that the other scores put the other way.

    Args:
        reference: scores FP32 [N].
        other: scores of the same pins, FP32 [N].
        top: ranks looked at.

    Returns:
        Swapped pairs, and pairs that the reference puts in an order at all.
    """
    first = np.argsort(-reference, kind="stable")[:top]
    ours, theirs = reference[first], other[first]
    upper = np.triu_indices(len(first), 1)
    wanted = np.sign(ours[:, None] - ours)[upper]
    given = np.sign(theirs[:, None] - theirs)[upper]
    return int((wanted * given < 0).sum()), int((wanted != 0).sum())
