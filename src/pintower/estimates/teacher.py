"""How long the teacher stage takes."""

from pintower.estimates.situation import Seconds, Situation
from pintower.teacher import split_off

__all__ = ["expected_seconds"]

_AROUND = 10.0
"""Seconds to load, to fit the start and to save."""


def expected_seconds(situation: Situation) -> Seconds:
    """Return the seconds of a training that no check ends early."""
    config, pace = situation.recipe.teacher, situation.pace
    if pace.teacher is None:
        return 0.0, 0.0
    judgments = situation.judged("train", "validation")
    training, held_out, _ = split_off(judgments, config.seed)
    pairs = min(len(training), config.pairs or len(training))
    steps = config.epochs * -(-pairs // config.batch_size)
    checks = min(steps, config.checks)
    seconds = (
        situation.reading(judgments)
        + pace.teacher.seconds(steps, checks)
        + (checks + 2) * len(held_out) * pace.pair
        + _AROUND
    )
    return seconds, seconds
