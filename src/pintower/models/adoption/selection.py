"""Which scoring head the judgments can carry: cross-validated, and the simplest where in doubt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pintower.metrics.bootstrap import Resampling, mean_difference, mean_of_queries
from pintower.metrics.ranking import ndcg, per_query
from pintower.models.adoption.evidence import Evidence
from pintower.models.adoption.heads import (
    DOUBT,
    fit_cosine,
    fit_full,
    fit_linear,
    fit_mlp,
    soft_targets,
)
from pintower.models.scoring_head import LEVELS, ScoringHead
from pintower.progress import track

__all__ = ["Choice", "choose_head", "fits_for"]

_FULL_PAIRS = 5_000
"""Judged pairs from which a network over everything is tried."""

_FOLDS = 5
_ONE_ERROR = 0.68
"""Confidence of an interval of one standard error to each side."""
_LEAST = 1e-9

_Fit = Callable[[Evidence], ScoringHead]


@dataclass(frozen=True)
class Choice:
    """The head that was taken.

    Attributes:
        name: ``cosine``, ``linear``, ``mlp`` or ``full``.
        head: fitted to all the judgments.
        measured: what cross-validation found, as JSON: ``heads`` with their log loss, nDCG@20 and
            its paired differences from the ``baselines``, and the latter's nDCG@20.
    """

    name: str
    head: ScoringHead
    measured: dict[str, Any]


def choose_head(
    evidence: Evidence,
    baselines: Mapping[str, NDArray[Any]],
    *,
    seed: int,
    hidden: Sequence[int],
) -> Choice:
    """Fit heads of rising capacity and take the one that the judgments can carry.

    Each is fitted to four fifths of the queries and measured on the others, in turn. A richer head
    takes the place of a simpler one only where its log loss is lower beyond the interval of their
    difference, paired by query, and its nDCG@20 is not lower by more than a standard error.

    Args:
        evidence: judged pairs, of five queries at least.
        baselines: scores FLOAT [N] that need no fitting, for comparison.
        seed: for folds, initialization, order and intervals.
        hidden: widths of the richest head's hidden layers.
    """
    fits = fits_for(len(evidence), seed, hidden)
    fold = evidence.folds(_FOLDS, seed)
    tracked = track(fits.items(), "fitting scoring heads", total=len(fits), unit="heads")
    found = {name: _hold_out(evidence, fold, fit) for name, fit in tracked}
    others = {name: _rank(evidence, scores) for name, scores in baselines.items()}
    resampling = Resampling(seed=seed)
    name, *richer = fits
    narrow = Resampling(confidence=_ONE_ERROR, seed=seed)
    for other in richer:
        loss = mean_difference(found[other].loss, found[name].loss, resampling)
        rank = mean_difference(found[other].ndcg, found[name].ndcg, narrow)
        if (loss.high or 0.0) < 0 <= (rank.high or 0.0):
            name = other
    measured = {
        "folds": _FOLDS,
        "heads": {head: _describe(figures, others, resampling) for head, figures in found.items()},
        "baselines": {
            baseline: {"ndcg@20": asdict(mean_of_queries(ndcgs, resampling))}
            for baseline, ndcgs in others.items()
        },
    }
    return Choice(name, fits[name](evidence), measured)


@dataclass(frozen=True)
class _HeldOut:
    """A head's figures on queries it was not fitted to, FP64 [Q] each."""

    loss: NDArray[np.float64]
    ndcg: NDArray[np.float64]


def fits_for(pairs: int, seed: int, hidden: Sequence[int]) -> dict[str, _Fit]:
    """Return the heads that as many pairs may be tried on, the simplest first."""

    def targets(evidence: Evidence) -> Tensor:
        return soft_targets(evidence.levels, DOUBT)

    fits: dict[str, _Fit] = {
        "cosine": lambda given: fit_cosine(given.similarity, targets(given), given.width),
        "linear": lambda given: fit_linear(given, targets(given)),
        "mlp": lambda given: fit_mlp(given, targets(given), seed),
    }
    if pairs >= _FULL_PAIRS:
        fits["full"] = lambda given: fit_full(given, targets(given), seed, hidden)
    return fits


def _hold_out(evidence: Evidence, fold: NDArray[np.int64], fit: _Fit) -> _HeldOut:
    probabilities = np.zeros((len(evidence), LEVELS), dtype=np.float32)
    for number in np.unique(fold):
        rest, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        probabilities[held] = evidence.take(held).probabilities(fit(evidence.take(rest)))
    given = probabilities[np.arange(len(evidence)), evidence.levels - 1]
    losses = np.bincount(evidence.query, -np.log(np.maximum(given, _LEAST)))
    scores = probabilities @ np.arange(1, LEVELS + 1, dtype=np.float32)
    return _HeldOut(losses / np.bincount(evidence.query), _rank(evidence, scores))


def _rank(evidence: Evidence, scores: NDArray[Any]) -> NDArray[np.float64]:
    return per_query(ndcg, evidence.query, evidence.levels, scores)


def _describe(
    found: _HeldOut, baselines: Mapping[str, NDArray[np.float64]], resampling: Resampling
) -> dict[str, Any]:
    return {
        "log_loss": asdict(mean_of_queries(found.loss, resampling)),
        "ndcg@20": asdict(mean_of_queries(found.ndcg, resampling)),
        "differences": {
            name: asdict(mean_difference(found.ndcg, ndcgs, resampling))
            for name, ndcgs in baselines.items()
        },
    }
