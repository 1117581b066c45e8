"""The pins stage: embed what changed of the catalogue and publish a snapshot of it."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pintower.config import PinsConfig
from pintower.data.candidates import CandidateIndex
from pintower.data.catalogue import open_catalogue
from pintower.data.tables import PINS, read_table
from pintower.gates import describe_environment, raise_if_failed, write_gates
from pintower.models.layout import StudentLayout
from pintower.pins.embedder import PinEmbedder
from pintower.pins.precision import choose_precision
from pintower.pins.scoring import ScoredSample, draw_rows
from pintower.pins.snapshots import make_snapshot
from pintower.pins.store import PinStore
from pintower.pins.update import update_store

__all__ = ["STORE", "run"]

logger = logging.getLogger(__name__)

STORE = "pin_store"
"""The pin store's folder, beside the stage's own: it outlives a rerun."""


def run(config: PinsConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Update the store; write a snapshot, its gate, ``candidates/`` and ``titles.parquet``.

    Args:
        config: batches, threads, which changes count, and where the store is.
        inputs: folders ``data``, ``student`` and ``export``.
        folder: where to write.

    Returns:
        Snapshot, number of pins, how many were embedded now and how fast, how many were deleted,
        how many have an embedding that is not finite.

    Raises:
        StudentError: if the graphs were exported from another student.
        DatasetError: if there are no pins, two share an id, a feature column is missing, or too
            many of the store's pins are.
        RepositoryError: if the export folder is not as its contract says, or the store holds
            embeddings of another encoder.
        GateFailed: if no precision of the list keeps scores close enough; the store is up to date.
    """
    embedder = PinEmbedder.load(config, inputs["student"], inputs["export"])
    names = [str(column["name"]) for column in embedder.keys.columns]
    catalogue = open_catalogue(str(inputs["data"] / f"{PINS}.parquet"), names)
    root = config.store or str(folder.parent / STORE)
    store = PinStore.open(root, embedder.origin, create=True)
    update = update_store(
        catalogue, store, embedder, chunk=config.chunk, max_deleted=config.max_deleted
    )
    statistics = StudentLayout(inputs["student"]).load_statistics()
    sample = ScoredSample.of(draw_rows(store), inputs["student"], inputs["export"])
    precision, gates = choose_precision(sample, config.precision, config.max_score_error)
    write_gates(folder / "gates.json", gates, describe_environment("onnxruntime"))
    raise_if_failed(gates, f"The snapshot of {store.place}")
    made = make_snapshot(folder, store.finished(), statistics, precision=precision)
    if made.not_finite:
        logger.warning(
            "%d pins have an embedding that is not finite: VALID is false there", made.not_finite
        )
    pins = read_table(inputs["data"], PINS).sort("pin_id")
    CandidateIndex.build(pins).save(folder / "candidates")
    _titles(store).write_parquet(folder / "titles.parquet")
    return {
        "snapshot": made.id,
        "pins": made.pins,
        "embedded": len(update.difference.embedded),
        "pins_per_second": round(update.pins_per_second, 1),
        "deleted": len(update.difference.deleted),
        "not_finite": made.not_finite,
        "precision": precision,
    }


def _titles(store: PinStore) -> pl.DataFrame:
    """Return ``pin_id`` and ``title`` of every pin, sorted by id."""
    batches = store.batches(["pin_id", "title"], filter="NOT deleted")
    frames = [pl.DataFrame(pl.from_arrow(batch)) for batch in batches]
    return pl.concat(frames).sort("pin_id")
