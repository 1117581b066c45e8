"""Whether a model's level probabilities can be believed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pintower.metrics.bootstrap import Estimate, Resampling, bootstrap

__all__ = ["Bin", "calibration_error", "reliability"]

_BINS = 10


@dataclass(frozen=True)
class Bin:
    """Pairs of about the same confidence.

    Attributes:
        pairs: how many.
        confidence: mean probability of the most probable level.
        accuracy: share of them whose most probable level is the human one.
    """

    pairs: int
    confidence: float
    accuracy: float


def reliability(confidence: NDArray[np.float64], hits: NDArray[np.bool_]) -> list[Bin]:
    """Return up to ten bins of equal numbers of pairs, the least confident first.

    Pairs of one confidence are in one bin, so that bins of a model that says the same of many pairs
    are fewer and larger.

    Args:
        confidence: FP64 [N], each pair's probability of its most probable level; N at least 1.
        hits: BOOL [N], whether that level is the human one.
    """
    number = _bins(confidence)
    pairs = np.bincount(number)
    means = (np.bincount(number, values) / pairs for values in (confidence, hits))
    rows = zip(pairs.tolist(), *(values.tolist() for values in means), strict=True)
    return [Bin(*row) for row in rows]


def calibration_error(
    confidence: NDArray[np.float64],
    hits: NDArray[np.bool_],
    group: NDArray[np.int64],
    queries: int,
    resampling: Resampling,
) -> Estimate:
    """Return the expected calibration error with its interval, in [0, 1].

    The mean over pairs of their bin's distance between confidence and accuracy: the top-label ECE
    of Guo et al. (2017), "On Calibration of Modern Neural Networks", in ten bins of equal numbers
    of pairs, as in Nguyen & O'Connor (2015), "Posterior Calibration and Exploratory Analysis for
    Natural Language Processing Models". A resample adds chance to every bin, so that the interval
    leans upwards.

    Args:
        confidence: FP64 [N].
        hits: BOOL [N].
        group: INT64 [N], each pair's query.
        queries: Q.
        resampling: of the interval; the bins stay those of all pairs.
    """
    number = _bins(confidence) if len(confidence) else np.zeros(0, dtype=np.int64)
    bins = int(number.max(initial=0)) + 1
    cell = group * bins + number
    size = queries * bins
    gaps = np.bincount(cell, hits - confidence, size).reshape(queries, bins)
    pairs = np.bincount(group, minlength=queries)

    def error(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.abs(counts @ gaps).sum(axis=1) / (counts @ pairs)
        return found

    return bootstrap(error, queries, resampling)


def _bins(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return each pair's bin INT64 [N], numbered without a gap."""
    edges = np.quantile(confidence, np.arange(1, _BINS) / _BINS)
    number = np.searchsorted(edges, confidence, side="left")
    return np.unique(number, return_inverse=True)[1].astype(np.int64)
