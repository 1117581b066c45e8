"""How long the evaluation takes."""

from pintower.estimates.situation import Seconds, Situation

__all__ = ["expected_seconds"]

_AROUND = 10.0
"""Seconds to load, and to resample."""


def expected_seconds(situation: Situation) -> Seconds:
    """Return the seconds in which student, teacher and baselines score the test's pairs."""
    test, training = situation.judged("test"), situation.judged("train")
    if test.is_empty():
        return _AROUND, _AROUND
    seconds = (
        2 * situation.reading(test, plain=True)  # as the student has them, and untuned
        + situation.reading(training, plain=True)  # the mixture is fitted to them
        + situation.reading(test)  # where the teacher starts
        + len(test) * situation.pace.pair
        + _AROUND
    )
    return seconds, seconds
