"""The folders of a finished run: made-up numbers, written by the code that writes real ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pintower.artifacts import write_folder, write_json
from pintower.evaluation.caveats import caveats
from pintower.gates import gate, write_gates
from pintower.metrics.bootstrap import Resampling
from pintower.metrics.comparison import (
    compare,
    differences,
    majority,
    measures_for,
    reliabilities,
)
from pintower.metrics.slices import slice_differences, slices
from pintower.repository.release_file import Release, SnapshotRecord

RESAMPLING = Resampling(50, 0.95, 7)
DATASET = {"name": "shoes", "generated": False, "log": "query_log", "levels": [1, 2, 3, 4, 5]}
INFO: dict[str, dict[str, Any]] = {
    "data": {"name": "shoes", "pins": 40, "judgments": 120, "query_log": 500, "test_queries": 6},
    "teacher": {"pairs": 80, "steps": 5, "validation_ndcg": 0.45, "labels": True},
    "labels": {"pairs": 120_000, "queries": 53, "shards": 4},
    "student": {"pairs": 480, "steps": 8, "loss": 1.596},
    "evaluation": {"queries": 6, "pairs": 60},
    "export": {"target": "cpu-int8", "gates": 20},
    "pins": {"snapshot": "78e0c3b8cecaf668", "pins": 40, "embedded": 40},
    "repository": {"release": 1, "pins": 40, "gates": 16},
    "bench": {"log_p50_ms": 3.1},
}
ROOFLINE: dict[str, Any] = {
    "onnxruntime": "1.32.0",
    "bounds": [
        {
            "graph": "query_encoder", "rows": 16, "arithmetic_ms": 0.3, "reading_ms": 0.2,
            "measured_ms": 0.6, "over_roofline": 2.0,
        },
        {
            "graph": "scorer", "rows": 100, "arithmetic_ms": 0.05, "reading_ms": 0.01,
            "measured_ms": 0.08, "over_roofline": 1.6,
        },
    ],
    "ceilings": {
        "query_encoder": {"int8_gops": 970.4, "float_gops": 110.0, "read_gbs": 41.2},
        "scorer": {"int8_gops": 970.4, "float_gops": 110.0, "read_gbs": 60.0},
    },
    "work": {
        "query_encoder": {
            "int8_operations": 21_000_000, "float_operations": 0, "weight_bytes": 10_600_000,
        },
        "scorer": {"int8_operations": 0, "float_operations": 60_000, "weight_bytes": 130_000},
    },
}  # fmt: skip


def judged(*, levels: tuple[int, ...] = (1, 2, 3, 4, 5), teacher: bool = True) -> pl.DataFrame:
    """Six queries with ten judged pins each; the student knows more than BM25, and neither all."""
    random = np.random.default_rng(0)
    level = random.choice(levels, 60)
    noisy = {"teacher": 0.5, "student": 0.8, "bm25": 2.0, "cosine": 1.5, "mixture": 1.2}
    columns = {
        name: np.clip(level + random.normal(0, spread, 60), 1, 5).astype(np.float32)
        for name, spread in noisy.items()
        if teacher or name != "teacher"
    }
    columns["bm25"][random.random(60) < 0.2] = 0
    return pl.DataFrame(
        {
            "query": [f"shoes {number // 10}" for number in range(60)],
            "pin_id": [f"pin-{number % 40:02d}" for number in range(60)],
            "level": pl.Series(level, dtype=pl.Int8),
            "language": ["en"] * 60,
            **columns,
            "student_level": np.rint(columns["student"]).astype(np.int64),
            "student_confidence": random.uniform(0.3, 1.0, 60).astype(np.float32),
        }
    )


def measured(predictions: pl.DataFrame) -> dict[str, Any]:
    """The metrics of predictions, as the evaluation writes them."""
    models = [
        name for name in ("teacher", "student", "bm25", "cosine", "mixture") if name in predictions
    ]
    measures = measures_for(predictions["level"])
    pairs = [("student", name) for name in models[-3:]]
    if "teacher" in models:
        pairs += [("teacher", name) for name in (*models[-3:], "student")]
    by = {"query_length": np.array(["2-3"] * len(predictions))}
    level = predictions["level"].to_numpy().astype(np.int64)
    rows = differences(predictions, pairs, RESAMPLING)
    metrics = {
        **compare(predictions, models, measures, RESAMPLING),
        "confidence": 0.95,
        "baselines_absent": {},
        "best_baseline": "mixture",
        "differences": rows,
        "majority": majority(level, level, measures),
        "slices": [
            {**part, "difference": difference}
            for part, difference in zip(
                slices(predictions, by, models, measures, RESAMPLING),
                slice_differences(predictions, by, "student", "mixture", RESAMPLING),
                strict=True,
            )
        ],
        "caveats": caveats(6, 5, rows[2]),
        "advice": [],
    }
    if "ece" in measures:
        metrics["reliability"] = reliabilities(predictions, models)
    return metrics


def bench_row(**changed: Any) -> dict[str, Any]:
    """One measurement as the bench writes it."""
    step = {"queue_us": 100.0, "infer_us": 300.0, "cache_hit_rate": 0.0}
    times = {"tokenizer": 400.0, "query_encoder": 900.0, "pin_features": 700.0, "scorer": 500.0}
    row = {
        "scenario": "log", "model": "relevance", "concurrency": 1, "request_rate": 0.0,
        "requests": 300, "seconds": 1.0, "throughput": 300.0, "mean_ms": 2.5, "p50_ms": 3.1,
        "p90_ms": 4.4, "p95_ms": 5.0, "p99_ms": 6.5, "repeat_share": 0.42, "cache_hit_rate": 0.49,
        "failures": 0,
        "steps": {name: {"request_us": time, **step} for name, time in times.items()},
    }  # fmt: skip
    return row | changed


def bench_results(*rows: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "serving", "command": "pintower bench", "commit": "e5fafd2a81773f93",
        "device": {"processor": "A processor", "cores": 2, "memory_gib": 8, "accelerator": None},
        "versions": {"python": "3.11.7", "onnxruntime": "1.20.0"}, "backend": "the local backend",
        "target": "cpu-int8", "method": "Closed loop.", "candidates": 100, "rows": list(rows),
        "headline": {},
    }  # fmt: skip


def write_run(
    workdir: Path, predictions: pl.DataFrame, metrics: dict[str, Any], titles: dict[str, str]
) -> dict[str, Path]:
    """Write every stage's folder and return them by name."""
    fill: dict[str, Callable[[Path], None]] = {
        "data": lambda folder: write_json(folder / "dataset.json", DATASET),
        "evaluation": lambda folder: (
            write_json(folder / "metrics.json", metrics),
            predictions.write_parquet(folder / "predictions.parquet"),
        )[0],
        "export": lambda folder: write_gates(
            folder / "gates.json",
            [gate("scorer.max_abs", 2e-6, 1e-4), gate("scorer.file_size", 12.5, unit="MB")],
            {},
        ),
        "pins": lambda folder: pl.DataFrame(
            {"pin_id": list(titles), "title": list(titles.values())}
        ).write_parquet(folder / "titles.parquet"),
        "repository": _write_repository,
        "bench": lambda folder: write_json(folder / "results.json", bench_results(bench_row())),
    }
    inputs = {}
    for stage, info in INFO.items():
        inputs[stage] = workdir / ("models" if stage == "repository" else stage)
        with write_folder(inputs[stage], stage=stage, key="key", info=info) as folder:
            fill.get(stage, lambda folder: None)(folder)
    return inputs


def _write_repository(folder: Path) -> None:
    Release(
        release=3,
        target="cpu-int8",
        triton_release="24.10",
        space_id="b0816409221c55b9bb0fde7779df3642",
        artifacts={},
        snapshot=SnapshotRecord(id="78e0c3b8cecaf668", artifact_id="d56edb", pins=40),
        text_package="",
        models={},
        golden=(),
        golden_runtime="1.19.2",
        files={},
    ).save(folder / "release.json")
    served = {"backend": "local server", "triton_release": "26.11"}
    write_gates(folder / "gates.json", [gate("served_errors", 0, 0, unit="queries")], served)


TITLES = {f"pin-{number:02d}": f"Red shoes {number}" for number in range(40)}


@pytest.fixture
def finished(tmp_path: Path) -> dict[str, Path]:
    """The folders of a run with everything in it."""
    predictions = judged()
    return write_run(tmp_path, predictions, measured(predictions), TITLES)


def change(path: Path, **values: Any) -> None:
    """Replace values of a JSON file."""
    write_json(path, json.loads(path.read_text()) | values)
