"""The student against the best baseline on parts of the held-out queries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pintower.report.names import plain

__all__ = ["SliceRow", "slice_rows"]

_MOST = 6
"""Slices of one kind that are shown; a catalogue may have dozens of languages."""

_KINDS = {
    "query_length": "Query length",
    "frequency": "Frequency in the log (the head makes up half of it, with the torso four fifths)",
    "language": "Language",
    "country": "Country",
}
_LABELS = {
    ("query_length", "1"): "1 word",
    ("query_length", "2-3"): "2 to 3 words",
    ("query_length", "4+"): "4 or more",
    ("frequency", "head"): "Head",
    ("frequency", "torso"): "Torso",
    ("frequency", "tail"): "Tail",
}


@dataclass(frozen=True)
class SliceRow:
    """One slice.

    Attributes:
        kind: what it is a slice by; empty where the row above says so already.
        name: of the slice.
        queries: in it.
        value: the student's nDCG@20 minus the best baseline's, with its interval ``low`` to
            ``high``.
        low: lower end.
        high: upper end.
        p_value: of the difference, adjusted for the number of slices.
        worse: whether the student is behind and that is significant.
    """

    kind: str
    name: str
    queries: int
    value: float
    low: float
    high: float
    p_value: float
    worse: bool


def slice_rows(slices: Iterable[Mapping[str, Any]]) -> tuple[list[SliceRow], int]:
    """Return the slices to show, and how many are left out.

    Of each kind those come first on which the student is significantly behind, then the largest.

    Args:
        slices: as in ``metrics.json``.
    """
    by_kind: dict[str, list[Mapping[str, Any]]] = {}
    for part in slices:
        by_kind.setdefault(part["by"], []).append(part)
    rows, hidden = [], 0
    for kind in sorted(by_kind, key=lambda kind: [*_KINDS, kind].index(kind)):
        parts = by_kind[kind]
        kept = sorted(parts, key=lambda part: (not part["difference"]["worse"], -part["queries"]))[
            :_MOST
        ]
        hidden += len(parts) - len(kept)
        if kind not in ("language", "country"):  # the others have an order of their own
            kept.sort(key=_place)
        title = _KINDS.get(kind, plain(kind))
        for part in kept:
            rows.append(_row(part, title))
            title = ""
    return rows, hidden


def _place(part: Mapping[str, Any]) -> tuple[int, str]:
    """Return where a slice stands among those of its kind: in the order of the labels."""
    known = list(_LABELS)
    name = (part["by"], part["slice"])
    return known.index(name) if name in known else len(known), part["slice"]


def _row(part: Mapping[str, Any], kind: str) -> SliceRow:
    difference = part["difference"]
    return SliceRow(
        kind=kind,
        name=_LABELS.get((part["by"], part["slice"]), part["slice"]),
        queries=part["queries"],
        value=difference["value"],
        low=difference["low"],
        high=difference["high"],
        p_value=difference["p_adjusted"],
        worse=difference["worse"],
    )
