"""How long the labels stage takes: nothing where the teacher does not label."""

from pintower.artifacts import read_json
from pintower.data.splits import held_out_queries
from pintower.estimates.situation import Seconds, Situation
from pintower.models.cross_encoder import TeacherLayout

__all__ = ["expected_pairs", "expected_seconds"]


def expected_seconds(situation: Situation) -> Seconds:
    """Return the seconds without labels and with them; the same where the teacher is known."""
    least, most = expected_pairs(situation)
    return _seconds(situation, least), _seconds(situation, most)


def expected_pairs(situation: Situation) -> tuple[int, int]:
    """Return how many pairs are labelled, at least and at most."""
    config, pace = situation.recipe.labels, situation.pace
    if pace.teacher is None:
        return 0, 0
    held_out = len(held_out_queries(situation.judgments))
    each = min(config.max_per_query, situation.pins)
    pairs = min(config.pairs, max(0, situation.queries - held_out) * each)
    if config.force:
        return pairs, pairs
    if "teacher" not in situation.inputs:
        return 0, pairs
    path = TeacherLayout(situation.inputs["teacher"]).metrics
    known = pairs if path.is_file() and read_json(path).get("labels", True) else 0
    return known, known


def _seconds(situation: Situation, pairs: int) -> float:
    read = min(pairs, situation.pins) * situation.pace.pin
    return pairs * situation.pace.pair + read
