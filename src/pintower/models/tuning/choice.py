"""Which training is taken, and how much of it: the one that pays on held-out queries."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pintower.metrics.bootstrap import Resampling, mean_difference, mean_of_queries
from pintower.metrics.ranking import ndcg, per_query
from pintower.models.scoring_head import LEVELS
from pintower.models.tuning.calibration import fit_calibration

__all__ = ["Candidate", "Judged", "Verdict", "choose", "measure", "measure_calibrated"]

_ONE_ERROR = 0.68
"""Confidence of an interval of one standard error to each side."""
_LEAST = 1e-9


@dataclass(frozen=True)
class Judged:
    """The held-out pairs.

    Attributes:
        query: INT64 [H], numbered from 0.
        levels: INT64 [H].
    """

    query: NDArray[np.int64]
    levels: NDArray[np.int64]


@dataclass(frozen=True)
class Candidate:
    """What a training, or the start, makes of the held-out queries.

    Attributes:
        name: for the table.
        share: of the way from the start to the end of the training; 0 at the start.
        ndcg: nDCG@20 of each query, FP64 [Q].
        loss: log loss of each query's levels, FP64 [Q].
    """

    name: str
    share: float
    ndcg: NDArray[np.float64]
    loss: NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """The candidate that is taken.

    Attributes:
        at: its position.
        reason: in words.
        table: a row for each candidate, as JSON.
    """

    at: int
    reason: str
    table: list[dict[str, Any]]


def measure(name: str, share: float, logits: Tensor, judged: Judged) -> Candidate:
    """Return a candidate's figures.

    Args:
        name: for the table.
        share: of the way from the start.
        logits: of the held-out pairs, FP32 [H, 5].
        judged: the pairs.
    """
    probabilities = torch.softmax(logits.double(), dim=1).numpy()
    scores = probabilities @ np.arange(1, LEVELS + 1)
    given = probabilities[np.arange(len(judged.levels)), judged.levels - 1]
    losses = np.bincount(judged.query, -np.log(np.maximum(given, _LEAST)))
    ranked = per_query(ndcg, judged.query, judged.levels, scores)
    return Candidate(name, share, ranked, losses / np.bincount(judged.query))


def measure_calibrated(name: str, share: float, logits: Tensor, judged: Judged) -> Candidate:
    """Measure a candidate as it would be taken: calibrated, since training for rank overstates.

    Args:
        name: for the table.
        share: of the way from the start.
        logits: of the held-out pairs, FP32 [H, 5].
        judged: the pairs.
    """
    return measure(name, share, fit_calibration(logits, judged.levels)(logits), judged)


def choose(candidates: Sequence[Candidate], seed: int) -> Verdict:
    """Choose among candidates, of which the first is the start.

    The highest nDCG@20 is looked for; among those within half a standard error of it the lowest log
    loss. It is taken where its nDCG@20 is above the start's by more than a standard error of the
    difference, paired by query, or is not below it and its log loss is lower beyond a 95 %
    interval. Else the start is.

    Args:
        candidates: the start and at least one other.
        seed: of the intervals.
    """
    narrow, wide = Resampling(confidence=_ONE_ERROR, seed=seed), Resampling(seed=seed)
    start, *others = candidates
    highest = max(others, key=lambda candidate: candidate.ndcg.mean())
    level = [other for other in others if _within_half(highest, other, narrow)]
    best = min(level, key=lambda candidate: candidate.loss.mean())
    ranks = mean_difference(best.ndcg, start.ndcg, narrow)
    losses = mean_difference(best.loss, start.loss, wide)
    better = (ranks.low or 0.0) > 0
    surer = (ranks.value or 0.0) >= 0 > (losses.high or 0.0)
    told = (
        f"nDCG@20 {ranks.value:+.4f} ({ranks.low:+.4f} to {ranks.high:+.4f}, one standard error) "
        f"and log loss {losses.value:+.4f} against the start on {len(start.ndcg)} held-out queries"
    )
    if better or surer:
        reason = f"{_describe(best)}: {told}"
    else:
        reason = f"the start: the best training, {_describe(best)}, had {told}"
    taken = best if better or surer else start
    at = next(row for row, candidate in enumerate(candidates) if candidate is taken)
    return Verdict(at, reason, [_row(candidate, start, wide) for candidate in candidates])


def _within_half(highest: Candidate, other: Candidate, resampling: Resampling) -> bool:
    behind = mean_difference(highest.ndcg, other.ndcg, resampling)
    error = ((behind.high or 0.0) - (behind.low or 0.0)) / 2
    return (behind.value or 0.0) <= error / 2


def _describe(candidate: Candidate) -> str:
    return f"{candidate.name}, {candidate.share:.0%} of the way"


def _row(candidate: Candidate, start: Candidate, resampling: Resampling) -> dict[str, Any]:
    return {
        "candidate": candidate.name,
        "share": candidate.share,
        "ndcg@20": asdict(mean_of_queries(candidate.ndcg, resampling)),
        "log_loss": float(candidate.loss.mean()),
        "over_start": asdict(mean_difference(candidate.ndcg, start.ndcg, resampling)),
    }
