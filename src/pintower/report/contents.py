"""What the page shows, gathered from the stages' folders."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pintower.artifacts import read_json, read_manifest
from pintower.gates import read_gates

__all__ = ["gather"]

_MEASURES = (
    ("ndcg@20", "nDCG@20"),
    ("p@8", "P@8"),
    ("accuracy", "accuracy"),
    ("auroc_3", "AUROC 3+"),
    ("auroc_4", "AUROC 4+"),
    ("auroc_5", "AUROC 5+"),
)


def gather(inputs: Mapping[str, Path], examples: int) -> dict[str, Any]:
    """Return everything the template names.

    Args:
        inputs: every stage's folder.
        examples: queries shown with their rankings, the worst first.
    """
    evaluation = read_json(inputs["evaluation"] / "metrics.json")
    gates = {
        "Graphs, in ONNX Runtime": inputs["export"] / "gates.json",
        "Served, through Triton": inputs["repository"] / "gates.json",
    }
    return {
        "flow": _flow(inputs),
        "measures": [title for _, title in _MEASURES],
        "models": [_model(name, values) for name, values in evaluation["models"].items()],
        "evaluation": evaluation,
        "gates": {title: read_gates(path) for title, path in gates.items()},
        "bench": read_json(inputs["bench"] / "results.json"),
        "release": read_json(inputs["repository"] / "release.json"),
        "examples": _examples(inputs, examples),
    }


def _flow(inputs: Mapping[str, Path]) -> list[dict[str, Any]]:
    rows = []
    for stage, folder in inputs.items():
        manifest = read_manifest(folder)
        if manifest is not None:
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            rows.append(
                {
                    "stage": stage,
                    "seconds": manifest.seconds,
                    "megabytes": size / 1e6,
                    "info": manifest.info,
                }
            )
    return rows


def _model(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    cells = [values.get(key) for key, _ in _MEASURES]
    return {"name": name, "ndcg": values["ndcg@20"], "cells": cells}


def _examples(inputs: Mapping[str, Path], count: int) -> list[dict[str, Any]]:
    """Return rankings of held-out queries, those with the largest errors first."""
    titles = pl.read_parquet(inputs["pins"] / "titles.parquet")
    pairs = pl.read_parquet(inputs["evaluation"] / "predictions.parquet").join(
        titles, on="pin_id", how="left"
    )
    error = (pl.col("student") - pl.col("level")).abs()
    worst = (
        pairs.group_by("query")
        .agg(error.mean().alias("error"))
        .sort(["error", "query"], descending=[True, False])
        .head(count)
    )
    rows = []
    for query, mean_error in worst.select("query", "error").iter_rows():
        ranking = pairs.filter(pl.col("query") == query).sort("student", descending=True).head(8)
        rows.append({"query": query, "error": mean_error, "pins": ranking.to_dicts()})
    return rows
