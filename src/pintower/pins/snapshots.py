"""Snapshots from the store: immutable, named after their content, complete or absent."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl

from pintower.artifacts import MANIFEST, hash_files, hash_json, write_json
from pintower.pins.store import read_embeddings, shard_paths
from pintower.snapshot import write_snapshot
from pintower.text.forward_index import build_forward_index
from pintower.text.match_features import MatchStatistics

__all__ = ["CURRENT", "make_snapshot"]

CURRENT = "current.json"
"""Names the snapshot to serve."""


def make_snapshot(
    folder: Path,
    pins: pl.DataFrame,
    store: Path,
    *,
    statistics: MatchStatistics,
    space_id: str,
    artifact_id: str,
    width: int,
) -> tuple[str, int]:
    """Write ``snapshots/<id>/`` and point ``current.json`` to it.

    The store is read shard by shard into a file; the embeddings are never all in memory.

    Args:
        folder: of the pins stage.
        pins: the pins table, sorted by id, as the store was filled from it.
        store: the filled store.
        statistics: the student's frozen corpus statistics.
        space_id: of both towers.
        artifact_id: of the pin encoder's graph.
        width: D of the embeddings.

    Returns:
        The snapshot's id and how many of its pins have an embedding that is not finite.
    """
    partial = folder / "snapshots" / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    collected = folder / ".embeddings.npy"
    embeddings = np.lib.format.open_memmap(
        collected, mode="w+", dtype=np.float32, shape=(len(pins), width)
    )
    row = lost = 0
    for path in shard_paths(store):
        part = read_embeddings(path, width)
        embeddings[row : row + len(part)] = part
        lost += int((~np.isfinite(part).all(axis=1)).sum())
        row += len(part)
    ids = {"space_id": space_id, "artifact_id": artifact_id}
    write_snapshot(
        partial,
        ids=pins["pin_id"].to_list(),
        embeddings=embeddings,
        index=build_forward_index(pins.iter_rows(named=True)),
        statistics=statistics,
        info=ids,
    )
    collected.unlink()

    files = hash_files(partial)
    name = hash_json({"artifact_id": artifact_id, "files": files})[:16]
    write_json(partial / MANIFEST, {"snapshot": name, "files": files})
    target = partial.with_name(name)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    write_json(folder / CURRENT, {"snapshot": name, **ids, "pins": len(pins)})
    return name, lost
