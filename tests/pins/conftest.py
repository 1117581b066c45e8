"""A data folder and an export of the tiny student."""

from pathlib import Path

import polars as pl
import pytest

from pintower.config import ExportConfig, PinsConfig
from pintower.export import run
from pintower.pins.embedder import PinEmbedder


@pytest.fixture(scope="session")
def stage_inputs(
    tiny_student: Path, tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The folders the pins stage reads."""
    data = tmp_path_factory.mktemp("data")
    odd = {"pin_id": "\u00e9-first", "title": "", "description": "one two three four five six " * 2}
    last = {"pin_id": "zz-empty", "title": "", "description": ""}
    more = pl.DataFrame([odd, last])
    pins = pl.concat([tiny_pins.reverse(), more], how="diagonal").with_columns(
        pl.col("caption").fill_null(""),
        pl.col("board_titles", "engaged_queries").fill_null([]),
    )
    pins.write_parquet(data / "pins.parquet")
    log = pl.DataFrame({"query": ["red shoes", "blue sofa"], "timestamp": [None, None]})
    log.cast({"timestamp": pl.Int64}).write_parquet(data / "query_log.parquet")
    inputs = {"data": data, "student": tiny_student}
    export = tmp_path_factory.mktemp("export")
    run(ExportConfig(target="cpu-fp32", parity_texts=5, target_runtime=False), inputs, export)
    return {**inputs, "export": export}


@pytest.fixture(scope="session")
def embedder(stage_inputs: dict[str, Path]) -> PinEmbedder:
    """The tiny student's pin encoder, by its graph in fp32."""
    config = PinsConfig(batch_tokens=100, threads=1)
    return PinEmbedder.load(config, stage_inputs["student"], stage_inputs["export"])


@pytest.fixture
def pins(stage_inputs: dict[str, Path]) -> pl.DataFrame:
    """The pins of the data folder."""
    return pl.read_parquet(stage_inputs["data"] / "pins.parquet")
