"""A plan of query encoders: what each costs and loses, as ``pintower plan`` measured it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pintower.artifacts import read_json
from pintower.errors import InputError

__all__ = ["Planned", "PlannedRow", "describe_plan"]


@dataclass(frozen=True)
class PlannedRow:
    """One query encoder in one precision.

    Attributes:
        student: name of its folder.
        layers: of its query encoder; empty where it has no such number.
        width: of the embeddings; empty in a plan of an earlier version.
        target: what it was built for.
        p50_ms: of one query through the query encoder, median.
        p99_ms: 99th percentile.
        look_up_ms: of a request's pins, median; None where the plan has one width.
        scorer_ms: of their scores, likewise.
        snapshot_megabytes: of the pins' snapshot, likewise.
        megabytes: of the file.
        loss: of nDCG@20, as a share; None where its gates failed before it was measured.
        low: lower end of its interval.
        high: upper end.
        language: the language that loses most; empty where there is one alone.
        language_loss: of its nDCG@20, as a share.
        verdict: ``chosen``, ``on the front``, the gates it fails, or nothing.
        chosen: whether it is the one to take.
        failed: whether a gate stands against it.
    """

    student: str
    layers: str
    width: str
    target: str
    p50_ms: float
    p99_ms: float
    look_up_ms: float | None
    scorer_ms: float | None
    snapshot_megabytes: float | None
    megabytes: float
    loss: float | None
    low: float | None
    high: float | None
    language: str
    language_loss: float | None
    verdict: str
    chosen: bool
    failed: bool


@dataclass(frozen=True)
class Planned:
    """The plan.

    Attributes:
        rows: the fastest first.
        figure: milliseconds against loss, an ``<svg>`` element.
        max_loss: the budget, as a share of nDCG@20.
        queries: judged queries it was measured on.
        candidates: pins of a request, where the students have several widths; else None.
        pins: of the snapshots, likewise.
        languages: whether the judgments are of several.
        onnxruntime: version that was timed.
    """

    rows: Sequence[PlannedRow]
    figure: str
    max_loss: float
    queries: int
    candidates: int | None
    pins: int | None
    languages: bool
    onnxruntime: str


def describe_plan(folder: Path) -> Planned:
    """Read the folder of a plan.

    Raises:
        InputError: if it holds no plan.
    """
    if missing := [name for name in ("plan.json", "plan.svg") if not (folder / name).is_file()]:
        raise InputError(
            f"{folder} has no {' and no '.join(missing)}. Give report.plan the folder that "
            "`pintower plan` was given as --out."
        )
    made = read_json(folder / "plan.json")
    several = len(made.get("widths", ())) > 1
    rows = [
        _row(row, place == made["chosen"], several=several)
        for place, row in enumerate(made["rows"])
    ]
    return Planned(
        rows=rows,
        figure=(folder / "plan.svg").read_text("utf-8"),
        max_loss=made["max_loss"],
        queries=made["queries"],
        candidates=made["candidates"] if several else None,
        pins=made["pins"] if several else None,
        languages=any(row.language for row in rows),
        onnxruntime=made["onnxruntime"],
    )


def _row(row: Mapping[str, Any], chosen: bool, *, several: bool) -> PlannedRow:
    return PlannedRow(
        student=row["student"],
        layers=str(row["layers"] or ""),
        width=str(row.get("width") or ""),
        target=row["target"],
        p50_ms=row["latency"]["p50_ms"],
        p99_ms=row["latency"]["p99_ms"],
        look_up_ms=row["look_up"]["p50_ms"] if several else None,
        scorer_ms=row["scorer"]["p50_ms"] if several else None,
        snapshot_megabytes=row["snapshot_bytes"] / 1e6 if several else None,
        megabytes=row["megabytes"],
        loss=_finite(row["ndcg_loss"]),
        low=_finite(row["ndcg_low"]),
        high=_finite(row["ndcg_high"]),
        language=row.get("language") or "",
        language_loss=_finite(row.get("language_loss")),
        verdict=row["verdict"],
        chosen=chosen,
        failed=bool(row["failed"]),
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
