"""What a reader has to know before believing the measured quality."""

from collections.abc import Mapping
from typing import Any

__all__ = ["caveats"]

_FEW_QUERIES = 50


def caveats(queries: int, levels: int, best: Mapping[str, Any] | None = None) -> list[str]:
    """Return what limits a measurement, a sentence each.

    Args:
        queries: held out.
        levels: different ones that people gave to their pins.
        best: the student's difference from the best baseline: ``baseline``, ``value``, ``low``,
            ``high``.
    """
    if not queries:
        return ["No query is held out: nothing was measured."]
    found = []
    if queries < _FEW_QUERIES:
        number = "Only one query is" if queries == 1 else f"Only {queries} queries are"
        found.append(f"{number} held out, fewer than {_FEW_QUERIES}: the intervals say little.")
    if levels == 1:
        found.append(
            "All held-out judgments have one level: every order is as good as another, and nDCG "
            "says nothing."
        )
    if best is not None and best["high"] - best["low"] > abs(best["value"]):
        found.append(
            f"The interval of the difference from the best baseline ({best['low']:+.3f} to "
            f"{best['high']:+.3f}) is wider than the difference ({best['value']:+.3f})."
        )
    return found
