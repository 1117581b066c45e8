"""How long the student stage takes: the trainings that are tried, each once for each fold."""

import math

import numpy as np
import polars as pl

from pintower.config import Depth
from pintower.estimates.labels import expected_pairs
from pintower.estimates.situation import Seconds, Situation
from pintower.models.judged import why_too_few
from pintower.models.tuning.depths import frozen_backbones
from pintower.models.tuning.examples import FEW_FOLDS, FOLDS, folds_of
from pintower.models.tuning.trial import CHECKPOINTS, SHARES

__all__ = ["expected_seconds"]

_AROUND = 25.0
"""Seconds to load, to lay out, to fit the scoring heads and to save."""
_CALIBRATED = 400
"""Pins that are read where nothing is judged, to tell the levels from their own texts."""
_HEADS = 0.003
"""Seconds a judged pair, to choose among the scoring heads and to fit them without each fold."""


def expected_seconds(situation: Situation) -> Seconds:
    """Return the least and the most: with soft labels or not, and by what is drawn and taken."""
    depths = situation.recipe.student.depths
    found = [
        _seconds(situation, pairs, drawn, pays=pays)
        for pairs in set(_soft_pairs(situation))
        for drawn in depths
        for pays in {False, pairs > 0}
    ]
    return min(found), max(found)


def _soft_pairs(situation: Situation) -> tuple[int, int]:
    if "labels" not in situation.inputs:
        return expected_pairs(situation)
    shards = situation.inputs["labels"].glob("labels-*.parquet")
    count = sum(pl.scan_parquet(shard).select(pl.len()).collect().item() for shard in shards)
    return count, count


def _seconds(situation: Situation, soft: int, drawn: Depth, *, pays: bool) -> float:
    """Return the seconds with so many soft labels.

    Args:
        situation: the run.
        soft: labels.
        drawn: the depth of the further trials, and of what is taken.
        pays: whether soft labels are learned from after the first depth.
    """
    config, pace = situation.recipe.student, situation.pace
    human = situation.judged("train", "validation")
    pins = min(situation.pins, max(_CALIBRATED, human["pin_id"].n_unique() + soft))
    queries = situation.queries if soft else human["query"].n_unique()
    seconds = _AROUND + pace.pin * pins + pace.query * queries
    if not pace.student or why_too_few(human):
        return seconds
    count = FEW_FOLDS if soft else FOLDS
    fold = folds_of(human["query"], human, config.seed, count=count)
    held = np.bincount(fold[fold >= 0])
    first, *deeper = config.depths
    plans = [(first, with_soft) for with_soft in ([True, False] if soft else [False])]
    plans += [(depth, pays) for depth in (*deeper, *[drawn] * config.trials)]
    for depth, with_soft in plans:
        learned = soft * with_soft
        seconds += sum(_training(situation, depth, len(human) - each, learned) for each in held)
        seconds += _predicting(situation, depth, human)
    if len(held) > 1:  # what is taken is trained once more, on all of them
        seconds += _training(situation, drawn, len(human), soft * pays)
    return seconds + _HEADS * len(human)


def _training(situation: Situation, depth: Depth, human: int, soft: int) -> float:
    """Return the seconds of one training on so many judged and softly labelled pairs."""
    config = situation.recipe.student
    pairs = float(min(config.pairs, human + soft))
    if soft:
        pairs *= soft / (human + soft) / (1 - config.human_share)
    steps = config.epochs * math.ceil(pairs / config.batch_size)
    return situation.pace.student[depth].seconds(steps, min(steps, CHECKPOINTS))


def _predicting(situation: Situation, depth: Depth, human: pl.DataFrame) -> float:
    """Return the seconds to embed what is held out, after each share of the way."""
    frozen = frozen_backbones(depth)
    queries = 0.0 if frozen[0] else situation.pace.query * human["query"].n_unique()
    pins = 0.0 if frozen[1] else situation.pace.pin * human["pin_id"].n_unique()
    return len(SHARES) * (queries + pins)
