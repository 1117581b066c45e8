"""How sure each model is of its levels, against how often it is right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pintower.report.names import model_name

__all__ = ["Curve", "curves"]

_KINDS = ("student", "teacher")


@dataclass(frozen=True)
class Curve:
    """One model's bins.

    Attributes:
        name: the model's.
        kind: ``student``, ``teacher`` or ``other``: how it is drawn.
        points: confidence and accuracy of each bin, both in [0, 1], the least confident first.
    """

    name: str
    kind: str
    points: Sequence[tuple[float, float]]


def curves(reliability: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Curve]:
    """Return the curves to draw, the student's last and so above the others.

    Args:
        reliability: bins by model, as in ``metrics.json``.
    """
    found = [
        Curve(
            name=model_name(model),
            kind=model if model in _KINDS else "other",
            points=[(row["confidence"], row["accuracy"]) for row in bins],
        )
        for model, bins in reliability.items()
    ]
    return sorted(found, key=lambda curve: curve.kind == "student")
