"""Whether a difference between two models is more than chance, on many parts at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

__all__ = ["adjusted", "paired_p_value"]

_FLIPS = 10_000
_AT_ONCE = 1_000


def paired_p_value(differences: NDArray[np.float64], seed: int) -> float:
    """Return the two-sided p value of the mean of paired differences.

    The randomization test: were both models equally good, each query's difference could as well
    have the other sign. Smucker, Allan & Carterette (2007), "A Comparison of Statistical
    Significance Tests for Information Retrieval Evaluation". The observed signs count as one of the
    10,001 that are looked at, so that p is never below 0.0001.

    Args:
        differences: FP64 [Q]; Q at least 1.
        seed: for the signs.
    """
    random = np.random.default_rng(seed)
    observed = abs(differences.sum())
    extreme = 0
    for _ in range(0, _FLIPS, _AT_ONCE):
        kept = random.integers(2, size=(_AT_ONCE, len(differences)), dtype=np.int8)
        sums = np.abs((2.0 * kept - 1) @ differences)
        extreme += int((sums >= observed * (1 - 1e-12)).sum())
    return (1 + extreme) / (1 + _FLIPS)


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Return p values adjusted for their number, in the same order.

    Of the parts whose adjusted value is at most a, a share of at most a is expected to differ by
    chance alone: Benjamini & Hochberg (1995), "Controlling the False Discovery Rate".
    """
    return [float(value) for value in false_discovery_control(p_values)] if p_values else []
