"""The pins stage: embed the catalogue with the gated pin encoder and publish a snapshot."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.config import PinsConfig
from pintower.contracts import Contract
from pintower.data.candidates import CandidateIndex
from pintower.data.tables import PINS, read_table
from pintower.errors import DatasetError, StudentError
from pintower.models.encoders import feature_columns, load_encoder
from pintower.models.layout import StudentLayout, space_id
from pintower.models.onnx_session import GraphEncoder, open_built_graph
from pintower.models.pin_inputs import feature_matrix, pin_texts
from pintower.models.tokenization import load_tokenizer
from pintower.pins.snapshots import make_snapshot
from pintower.pins.store import fill_store, input_hashes
from pintower.text.rendering import Rendering

__all__ = ["run"]

logger = logging.getLogger(__name__)

_TITLE_WORDS = 8


def run(config: PinsConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Write ``store/``, ``snapshots/<id>/``, ``current.json``, ``candidates/``, ``titles.parquet``.

    The pins table is held in memory, the embeddings are not. A killed run takes up its shards.

    Args:
        config: batch, shard size and threads.
        inputs: folders ``data``, ``student`` and ``export``.
        folder: where to write; may hold a killed run's shards.

    Returns:
        Snapshot, number of pins, how many were embedded now and how fast, how many have an
        embedding that is not finite.

    Raises:
        StudentError: if the graphs were exported from another student.
        DatasetError: if there are no pins, two share an id, or a feature column is missing.
        RepositoryError: if the export folder is not as its contract says.
    """
    contract = Contract.load(inputs["export"] / "contract.json")
    layout = StudentLayout(inputs["student"])
    layout.require()
    _require_same_space(contract, layout)
    rendering = layout.load_rendering()
    pins = _read_pins(inputs["data"])

    tokenizer = load_tokenizer(layout.pin_encoder, rendering.pin_max_tokens)
    graph = open_built_graph(inputs["export"], contract, "pin_encoder", threads=config.threads)
    encoder = GraphEncoder(graph, tokenizer)
    # The contract names the columns; their widths stand in the encoder's folder.
    columns = feature_columns(load_encoder(layout.pin_encoder)) if contract.feature_columns else []

    def embed(part: pl.DataFrame) -> tuple[list[str], NDArray[np.float32]]:
        texts = pin_texts(part, rendering)
        vectors = feature_matrix(part, columns)
        embeddings = encoder.embed(texts, vectors, batch_tokens=config.batch_tokens)
        return input_hashes(texts, vectors), embeddings

    artifact_id = contract.graphs["pin_encoder"].artifact_id
    started = time.monotonic()
    embedded = fill_store(
        folder / "store",
        pins,
        artifact_id=artifact_id,
        shard_size=config.shard_size,
        embed=embed,
    )
    rate = embedded / (time.monotonic() - started)
    snapshot, lost = make_snapshot(
        folder,
        pins,
        folder / "store",
        statistics=layout.load_statistics(),
        space_id=contract.space_id,
        artifact_id=artifact_id,
        width=encoder.width,
    )
    if lost:
        logger.warning("%d pins have an embedding that is not finite: VALID is false there", lost)
    CandidateIndex.build(pins).save(folder / "candidates")
    _titles(pins, rendering).write_parquet(folder / "titles.parquet")
    return {
        "snapshot": snapshot,
        "pins": len(pins),
        "embedded": embedded,
        "pins_per_second": round(rate, 1),
        "not_finite": lost,
    }


def _require_same_space(contract: Contract, layout: StudentLayout) -> None:
    space = space_id(layout.root)
    if contract.space_id != space:
        raise StudentError(
            f"The exported graphs belong to space {contract.space_id[:16]}, the student "
            f"{layout.root} to space {space[:16]}: their embeddings cannot be compared. Export "
            "this student's graphs first."
        )


def _read_pins(data: Path) -> pl.DataFrame:
    """Return the pins sorted by the bytes of their ids."""
    pins = read_table(data, PINS).sort("pin_id")
    if pins.is_empty():
        raise DatasetError(f"{data} holds no pins, so there is nothing to embed.")
    repeated = pins["pin_id"].filter(pins["pin_id"].is_duplicated())
    if len(repeated):
        raise DatasetError(f"The pin id {repeated[0]!r} stands twice in {data}.")
    return pins


def _titles(pins: pl.DataFrame, rendering: Rendering) -> pl.DataFrame:
    """Return ``pin_id`` and ``title``; the first words of the text where there is no title."""
    untitled = pins.filter(pl.col("title") == "")
    words = [" ".join(text.split()[:_TITLE_WORDS]) for text in pin_texts(untitled, rendering)]
    filled = untitled.select("pin_id").with_columns(title=pl.Series(words, dtype=pl.String))
    return pins.select("pin_id", "title").update(filled, on="pin_id")
