"""What was measured on held-out queries: every model, the differences, the scores by level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pintower.report.names import measure_name, model_name
from pintower.report.per_query import Standing, standing
from pintower.report.reliability import Curve, curves
from pintower.report.scale import Scale, scale_over
from pintower.report.slices import SliceRow, slice_rows

__all__ = ["Bar", "Difference", "Quality", "describe_quality"]

_MAIN = "ndcg@20"


@dataclass(frozen=True)
class Bar:
    """One row of a plot of intervals.

    Attributes:
        name: beside the track.
        value: the measured value, with its interval ``low`` to ``high``.
        low: lower end.
        high: upper end.
        accent: whether it is what the page is about.
    """

    name: str
    value: float
    low: float
    high: float
    accent: bool


@dataclass(frozen=True)
class Difference:
    """One model against another, paired by query.

    Attributes:
        model: its name.
        baseline: the other's name.
        best: whether that is the best baseline.
        value: mean difference in nDCG@20, with its interval ``low`` to ``high``.
        low: lower end.
        high: upper end.
        verdict: ``ahead``, ``behind`` or ``not told apart``.
        queries: on how many the model is ahead, even, behind.
    """

    model: str
    baseline: str
    best: bool
    value: float
    low: float
    high: float
    verdict: str
    queries: Standing


@dataclass(frozen=True)
class Quality:
    """Everything the section shows.

    Attributes:
        queries: held out.
        pairs: judged.
        reason: why nothing was measured; empty where something was.
        confidence: of the intervals.
        caveats: what limits the figures, a sentence each.
        advice: what to try where the student is not ahead, a sentence each.
        absent: baselines that there are none of, a sentence each.
        models: column titles, with what always saying one level reaches as the last where it was
            measured.
        rows: each measure's name and its estimates, one a model, None where there is none.
        bars: nDCG@20 of each model.
        scale: of the bars.
        differences: between models, the student's from the best baseline first.
        reliability: confidence against accuracy of each model that predicts levels.
        levels: the student's scores of pins that people gave one level: level, pins and the 10th,
            50th and 90th percentile.
        slices: parts of the queries.
        slice_scale: of the slices.
        hidden_slices: how many of them are not shown.
    """

    queries: int
    pairs: int
    reason: str
    confidence: float
    caveats: Sequence[str]
    advice: Sequence[str]
    absent: Sequence[str]
    models: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Mapping[str, Any] | None]]]
    bars: Sequence[Bar]
    scale: Scale | None
    differences: Sequence[Difference]
    reliability: Sequence[Curve]
    levels: Sequence[Mapping[str, Any]]
    slices: Sequence[SliceRow]
    slice_scale: Scale | None
    hidden_slices: int


def describe_quality(
    metrics: Mapping[str, Any], predictions: pl.DataFrame, by_query: pl.DataFrame
) -> Quality:
    """Return what the section on quality shows.

    Args:
        metrics: ``evaluation/metrics.json``.
        predictions: the judged pairs with every model's score.
        by_query: their nDCG@20, as :func:`pintower.report.per_query.quality_by_query` gives it.
    """
    if not metrics["queries"]:
        return _nothing(metrics)
    models, best = metrics["models"], metrics["best_baseline"]
    bars = [
        Bar(model_name(name), found["value"], found["low"], found["high"], name == "student")
        for name, values in models.items()
        if (found := _estimate(values.get(_MAIN)))
    ]
    shown, hidden = slice_rows(metrics["slices"])
    ends = [end for row in shown for end in (row.low, row.high)]
    differences = [_difference(row, best, by_query) for row in metrics["differences"]]
    titles, rows = _table(metrics)
    return Quality(
        queries=metrics["queries"],
        pairs=metrics["pairs"],
        reason="",
        confidence=metrics["confidence"],
        caveats=metrics["caveats"],
        advice=metrics["advice"],
        absent=[
            f"There is no {model_name(name)[:1].lower()}{model_name(name)[1:]}: {reason}."
            for name, reason in metrics["baselines_absent"].items()
        ],
        models=titles,
        rows=rows,
        bars=bars,
        scale=scale_over(end for bar in bars for end in (bar.low, bar.high)),
        differences=sorted(differences, key=lambda row: not row.best),
        reliability=curves(metrics.get("reliability", {})),
        levels=_levels(predictions),
        slices=shown,
        slice_scale=scale_over([0.0, *ends]),
        hidden_slices=hidden,
    )


def _nothing(metrics: Mapping[str, Any]) -> Quality:
    return Quality(
        queries=0, pairs=0, reason=metrics["reason"], confidence=metrics["confidence"],
        caveats=metrics["caveats"], advice=[], absent=[], models=[], rows=[], bars=[], scale=None,
        differences=[], reliability=[], levels=[], slices=[], slice_scale=None, hidden_slices=0,
    )  # fmt: skip


def _table(
    metrics: Mapping[str, Any],
) -> tuple[list[str], list[tuple[str, list[Mapping[str, Any] | None]]]]:
    """Return a column title for each model and a row for each measure."""
    keys, models, majority = metrics["measures"], metrics["models"], metrics["majority"]
    titles = [model_name(name) for name in models]
    if majority:
        titles.append(f"Always level {majority['level']}")
    rows = []
    for key, title in zip(keys, _titles(keys), strict=True):
        cells = [_estimate(values.get(key)) for values in models.values()]
        if majority:
            cells.append({"value": majority[key], "low": None} if key in majority else None)
        rows.append((title, cells))
    return titles, rows


def _titles(keys: Sequence[str]) -> list[str]:
    """Return the measures' names; an area under the curve that is alone needs no level."""
    alone = sum(key.startswith("auroc_") for key in keys) == 1
    return ["AUROC" if alone and key.startswith("auroc_") else measure_name(key) for key in keys]


def _estimate(values: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return values if values and values["value"] is not None else None


def _difference(row: Mapping[str, Any], best: str, by_query: pl.DataFrame) -> Difference:
    return Difference(
        model=model_name(row["model"]),
        baseline=model_name(row["baseline"]),
        best=row["baseline"] == best,
        value=row["value"],
        low=row["low"],
        high=row["high"],
        verdict=row["verdict"],
        queries=standing(by_query, row["model"], row["baseline"]),
    )


def _levels(predictions: pl.DataFrame) -> list[dict[str, Any]]:
    score = pl.col("student")
    found = predictions.group_by("level").agg(
        pl.len().alias("pins"),
        *(score.quantile(share, "linear").alias(name) for name, share in
          (("low", 0.1), ("middle", 0.5), ("high", 0.9))),
    )  # fmt: skip
    return found.sort("level", descending=True).to_dicts()
