"""What the page shows, gathered from the stages' folders."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pintower.artifacts import read_json
from pintower.report.caveats import describe_caveats
from pintower.report.examples import describe_examples
from pintower.report.flow import describe_flow
from pintower.report.gate_tables import describe_gates
from pintower.report.latency import describe_latency
from pintower.report.numbers import date
from pintower.report.origin import describe_origin
from pintower.report.per_query import quality_by_query
from pintower.report.plan import describe_plan
from pintower.report.quality import describe_quality
from pintower.report.verdict import tiles, verdict

__all__ = ["gather"]


def gather(inputs: Mapping[str, Path], examples: int, plan: Path | None) -> dict[str, Any]:
    """Return everything the templates name.

    Args:
        inputs: the folder of every stage that ran.
        examples: queries shown with their rankings, the worst first.
        plan: folder of a plan of query encoders; None shows none.

    Raises:
        InputError: if a folder lacks a file.
    """
    metrics = read_json(inputs["evaluation"] / "metrics.json")
    bench = read_json(inputs["bench"] / "results.json")
    dataset = read_json(inputs["data"] / "dataset.json")
    release = read_json(inputs["repository"] / "release.json")
    predictions = pl.read_parquet(inputs["evaluation"] / "predictions.parquet", glob=False)
    titles = pl.read_parquet(inputs["pins"] / "titles.parquet", glob=False)
    models = [name for name in metrics["models"] if name in predictions.columns]
    by_query = quality_by_query(predictions, models)

    flow = describe_flow(inputs, bench)
    quality = describe_quality(metrics, predictions, by_query)
    figure = inputs["bench"] / "cache.svg"
    latency = describe_latency(bench, figure.read_text("utf-8") if figure.is_file() else "")
    gates = {
        "graphs": describe_gates("Graphs, in ONNX Runtime", inputs["export"] / "gates.json"),
        "target": describe_gates(
            "Graphs, in the target's ONNX Runtime", inputs["export"] / "gates.json", in_target=True
        ),
        "served": describe_gates("Served, through Triton", inputs["repository"] / "gates.json"),
    }
    measured = [file for side, file in gates.items() if file or side != "target"]
    return {
        "title": dataset["name"],
        "date": date(max(step.created for step in flow if step.created is not None)),
        "release": release,
        "verdict": verdict(quality, latency, measured),
        "caveats": [
            *quality.caveats,
            *describe_caveats(dataset, latency.headline["repeat_share"]),
        ],
        "tiles": tiles(quality, latency, measured),
        "flow": flow,
        "quality": quality,
        "gates": gates,
        "plan": None if plan is None else describe_plan(plan),
        "latency": latency,
        "examples": describe_examples(predictions, titles, by_query, models, examples)
        if models and len(predictions)
        else [],
        "origin": describe_origin(inputs, release, bench),
    }
