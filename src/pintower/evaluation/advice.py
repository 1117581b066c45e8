"""What to try where the student is not ahead of the best baseline."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["advice"]

_FEW_QUERIES = 200
_FOREIGN = 0.1
"""Share of the judgments in other languages than English from which the encoder is in question."""


def advice(
    rows: Sequence[Mapping[str, Any]],
    best: str,
    *,
    held_out_queries: int,
    training_queries: int,
    encoder: str | None,
    languages: Mapping[str, float],
) -> list[str]:
    """Return what to try, a sentence each; nothing where the student is ahead.

    Args:
        rows: the differences, ``model``, ``baseline``, ``verdict``.
        best: the best baseline.
        held_out_queries: judged queries that were measured on.
        training_queries: judged queries of the training split.
        encoder: that the student was made from; None where it is not known.
        languages: share of the held-out judgments in each language, of those that name one.
    """
    verdicts = {row["model"]: row["verdict"] for row in rows if row["baseline"] == best}
    if verdicts["student"] == "ahead":
        return []
    found = []
    if verdicts["student"] != "behind":
        found.append(
            f"Hold out more judged queries: {held_out_queries} do not tell the student from the "
            "best baseline."
        )
    if training_queries < _FEW_QUERIES:
        found.append(
            f"Judge more queries: only {training_queries} are judged for training, and a few "
            "hundred with twenty pins each are a sensible minimum."
        )
    if "teacher" not in verdicts:
        found.append(
            "Take another encoder (student.query_encoder), or distil a student from a teacher "
            "(student.method)."
        )
    elif verdicts["teacher"] == "ahead":
        found.append(
            "The teacher is ahead, the student has not learned it: more labels (labels.pairs), "
            "longer training (student.epochs), more that may be trained "
            "(student.depths)."
        )
    else:
        found.append(
            "The teacher is not ahead either: a stronger encoder for it (teacher.encoder), longer "
            "training (teacher.epochs), more judgments or more levels of them."
        )
    foreign = {name: share for name, share in languages.items() if not name.startswith("en")}
    if sum(foreign.values()) >= _FOREIGN:
        named = ", ".join(sorted(foreign, key=lambda name: -foreign[name])[:5])
        found.append(
            f"{round(100 * sum(foreign.values()))} % of the held-out judgments are in other "
            f"languages than English ({named}): take an encoder that knows them "
            f"(encoder); {encoder or 'the present one'} may not."
        )
    return found
