"""Pairs that change places between two rankings of the same pins."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["count_flips"]

_RESOLUTION = 8 * float(np.finfo(np.float32).eps)
"""Share of the largest score below which two scores are one: sums of products in FP32 end so far
apart when they are added in another order, as another CPU's kernels do for another batch."""


def count_flips(
    reference: NDArray[np.float32], other: NDArray[np.float32], top: int
) -> tuple[int, int]:
    """Count the pairs among the reference's first pins that the other scores put the other way.

    Args:
        reference: scores FP32 [N].
        other: scores of the same pins, FP32 [N].
        top: ranks looked at.

    Returns:
        Swapped pairs, and pairs that the reference puts in an order at all: scores that rounding
        alone could exchange are tied.
    """
    first = np.argsort(-reference, kind="stable")[:top]
    ours, theirs = reference[first], other[first]
    upper = np.triu_indices(len(first), 1)
    apart = (ours[:, None] - ours)[upper]
    ordered = np.abs(apart) > _RESOLUTION * np.abs(ours).max(initial=0.0)
    swapped = ordered & (np.sign(apart) * np.sign((theirs[:, None] - theirs)[upper]) < 0)
    return int(swapped.sum()), int(ordered.sum())
