"""A data folder and exports of the tiny student."""

from pathlib import Path

import polars as pl
import pytest

from pintower.config import ExportConfig
from pintower.export import run

QUERIES = [
    "red shoes",
    "Blue  SOFA",
    "lemon cake for a birthday in the garden",
    "beach house",
    "shoes",
    "red shoes",
]


@pytest.fixture(scope="session")
def data(tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the data stage writes, as far as the export reads it."""
    folder = tmp_path_factory.mktemp("data")
    tiny_pins.write_parquet(folder / "pins.parquet")
    log = pl.DataFrame({"query": QUERIES, "timestamp": [None] * len(QUERIES)})
    log.cast({"timestamp": pl.Int64}).write_parquet(folder / "query_log.parquet")
    judgments = [
        {"query": query, "pin_id": pin, "level": 1 + row % 5, "split": "test"}
        for query in sorted(set(QUERIES))
        for row, pin in enumerate(tiny_pins["pin_id"][:12])
    ]
    pl.DataFrame(judgments).write_parquet(folder / "judgments.parquet")
    return folder


@pytest.fixture(scope="session", params=["cpu-fp32", "cpu-int8", "cpu-int8-static", "gpu-fp16"])
def exported(
    request: pytest.FixtureRequest,
    tiny_student: Path,
    data: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """An export folder, for each target."""
    folder = tmp_path_factory.mktemp(request.param)
    config = ExportConfig(target=request.param, parity_texts=30, target_runtime=False)
    run(config, {"student": tiny_student, "data": data}, folder)
    return folder
