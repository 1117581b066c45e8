"""Where the time of a request goes: the ensemble's steps laid out in time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pintower.report.names import step_name

__all__ = ["Span", "spans"]

_AFTER = {
    "query_encoder": ("tokenizer",),
    "pin_features": ("tokenizer",),
    "scorer": ("query_encoder", "pin_features"),
}
"""Steps that a step of the ensemble waits for; those not listed start with the request."""


@dataclass(frozen=True)
class Span:
    """One step of an average request, in milliseconds.

    Attributes:
        name: of the step.
        start: after the request came.
        waiting: for a free instance.
        working: after that.
    """

    name: str
    start: float
    waiting: float
    working: float

    @property
    def end(self) -> float:
        """When the step is done."""
        return self.start + self.waiting + self.working


def spans(row: Mapping[str, Any]) -> list[Span]:
    """Return the steps of an average request, and last what the client sees beyond them.

    Args:
        row: of ``results.json``: ``steps`` with ``request_us`` and ``queue_us``, and ``mean_ms``.
    """
    found: dict[str, Span] = {}
    for name, step in row["steps"].items():
        before = [found[other].end for other in _AFTER.get(name, ()) if other in found]
        waiting = min(step["queue_us"], step["request_us"]) / 1000
        working = step["request_us"] / 1000 - waiting
        found[name] = Span(step_name(name), max(before, default=0.0), waiting, working)
    end = max(span.end for span in found.values())
    rest = row["mean_ms"] - end
    beyond = [Span("Rest", end, 0.0, rest)] if rest > 0 else []
    return [*found.values(), *beyond]
