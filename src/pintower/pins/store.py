"""The pin store: embeddings in parquet shards, each whole or absent, so that work can be resumed.

Columns: ``pin_id``, ``input_hash`` (over what the encoder saw), ``artifact_id`` (of the graph that
made it), ``embedding`` (list of float32). Shards follow the order of the ids.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.progress import track

__all__ = ["PART", "fill_store", "input_hashes", "read_embeddings", "shard_paths"]

logger = logging.getLogger(__name__)

PART = "part-{:05d}.parquet"


def fill_store(
    folder: Path,
    pins: pl.DataFrame,
    *,
    artifact_id: str,
    shard_size: int,
    embed: Callable[[pl.DataFrame], tuple[list[str], NDArray[np.float32]]],
) -> int:
    """Write the shards that are not there yet.

    Args:
        folder: made if absent; a killed run's shards in it are kept if they hold the same pins,
            made by the same graph.
        pins: the pins table, sorted by id.
        artifact_id: of the graph behind ``embed``.
        shard_size: pins a shard.
        embed: returns input hashes and embeddings FP32 [N, D] of some rows.

    Returns:
        How many pins were embedded now.
    """
    folder.mkdir(exist_ok=True)
    slices = list(pins.iter_slices(shard_size))
    paths = [folder / PART.format(number) for number in range(len(slices))]
    todo = [
        (path, part)
        for path, part in zip(paths, slices, strict=True)
        if not _holds(path, part["pin_id"], artifact_id)
    ]
    if len(todo) < len(paths):
        logger.info("resuming: %d of %d shards", len(paths) - len(todo), len(paths))
    for path in folder.iterdir():
        if path not in paths:  # half-written, or of another shard size
            path.unlink()
    sizes = [len(part) for _, part in todo]
    for path, part in track(todo, "embedding pins", total=sum(sizes), unit="pins", weights=sizes):
        hashes, embeddings = embed(part)
        shard = part.select("pin_id").with_columns(
            input_hash=pl.Series(hashes, dtype=pl.String),
            artifact_id=pl.lit(artifact_id),
            embedding=pl.Series(embeddings).cast(pl.List(pl.Float32)),
        )
        temporary = path.with_name(f".{path.name}")
        shard.write_parquet(temporary)
        temporary.replace(path)
    return sum(sizes)


def shard_paths(folder: Path) -> list[Path]:
    """Return a store's shards in the order of the ids."""
    return sorted(folder.glob("part-*.parquet"))


def read_embeddings(path: Path, width: int) -> NDArray[np.float32]:
    """Return one shard's embeddings FP32 [N, D]."""
    column = pl.read_parquet(path, columns=["embedding"])["embedding"]
    return column.explode().to_numpy().reshape(-1, width)


def input_hashes(texts: Sequence[str], vectors: NDArray[np.float32] | None) -> list[str]:
    """Return a hash of what the encoder sees of each pin: rendered text and feature vectors."""
    hashes = []
    for row, text in enumerate(texts):
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
        if vectors is not None:
            digest.update(b"\x00" + vectors[row].tobytes())
        hashes.append(digest.hexdigest())
    return hashes


def _holds(path: Path, pin_ids: pl.Series, artifact_id: str) -> bool:
    if not path.is_file():
        return False
    try:
        shard = pl.read_parquet(path, columns=["pin_id", "artifact_id"])
    except (pl.exceptions.PolarsError, OSError):
        logger.warning("%s cannot be read; its pins are embedded again", path)
        return False
    made_by = shard["artifact_id"].unique().to_list()
    return shard["pin_id"].equals(pin_ids) and made_by == [artifact_id]
