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
        target: what it was built for.
        p50_ms: of one query, median.
        p99_ms: 99th percentile.
        megabytes: of the file.
        loss: of nDCG@20, as a share; None where its gates failed before it was measured.
        low: lower end of its interval.
        high: upper end.
        verdict: ``chosen``, ``on the front``, the gates it fails, or nothing.
        chosen: whether it is the one to take.
        failed: whether a gate stands against it.
    """

    student: str
    layers: str
    target: str
    p50_ms: float
    p99_ms: float
    megabytes: float
    loss: float | None
    low: float | None
    high: float | None
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
        onnxruntime: version that was timed.
    """

    rows: Sequence[PlannedRow]
    figure: str
    max_loss: float
    queries: int
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
    return Planned(
        rows=[_row(row, place == made["chosen"]) for place, row in enumerate(made["rows"])],
        figure=(folder / "plan.svg").read_text("utf-8"),
        max_loss=made["max_loss"],
        queries=made["queries"],
        onnxruntime=made["onnxruntime"],
    )


def _row(row: Mapping[str, Any], chosen: bool) -> PlannedRow:
    return PlannedRow(
        student=row["student"],
        layers=str(row["layers"] or ""),
        target=row["target"],
        p50_ms=row["latency"]["p50_ms"],
        p99_ms=row["latency"]["p99_ms"],
        megabytes=row["megabytes"],
        loss=_finite(row["ndcg_loss"]),
        low=_finite(row["ndcg_low"]),
        high=_finite(row["ndcg_high"]),
        verdict=row["verdict"],
        chosen=chosen,
        failed=bool(row["failed"]),
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
