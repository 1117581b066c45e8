"""Snapshots from the store: immutable, named after their content, complete or absent.

The store is read once. Its pins go to a few hundred thousand a part, by the first bits of their
ids' hashes, and the parts are put in order one after another: memory does not grow with the store.
"""

import logging
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pintower.artifacts import MANIFEST, hash_files, hash_json, lock_folder, write_json
from pintower.errors import InputError
from pintower.pins.columns import SNAPSHOT_COLUMNS, embedding_matrix, forward_index
from pintower.pins.store import PinStore
from pintower.progress import track
from pintower.snapshot import Precision, Snapshot, SnapshotSizes, SnapshotWriter, hash_ids
from pintower.snapshot.identifiers import id_width
from pintower.text.forward_index import ForwardIndex
from pintower.text.match_features import MatchStatistics

__all__ = ["CURRENT", "MadeSnapshot", "make_snapshot"]

logger = logging.getLogger(__name__)

CURRENT = "current.json"
"""Names the snapshot to serve."""

_PART = 262_144
_BATCH = 16_384
_LONGEST_ID = 255


@dataclass(frozen=True)
class MadeSnapshot:
    """A snapshot that was built.

    Attributes:
        id: its name, which follows from its content.
        pins: it holds.
        not_finite: of these, how many have an embedding that is not finite.
    """

    id: str
    pins: int
    not_finite: int


def make_snapshot(
    folder: Path,
    store: PinStore,
    statistics: MatchStatistics,
    *,
    precision: Precision = "fp32",
    shard: int = 0,
    shards: int = 1,
) -> MadeSnapshot:
    """Write ``snapshots/<id>/`` and point ``current.json`` to it.

    Args:
        folder: of the pins stage, or any other.
        store: as a finished update left it.
        statistics: the student's frozen corpus statistics.
        precision: of the embeddings.
        shard: which part of the pins, by the hashes of their ids.
        shards: in how many parts they are served.

    Raises:
        InputError: if there is no pin for the shard.
        SetupError: if the folder cannot be made, or another process builds a snapshot in it.
    """
    with lock_folder(folder / "snapshots", "give another folder"):
        partial = folder / "snapshots" / ".partial"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            return _make(folder, partial, store, statistics, precision, shard, shards)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _make(
    folder: Path,
    partial: Path,
    store: PinStore,
    statistics: MatchStatistics,
    precision: Precision,
    shard: int,
    shards: int,
) -> MadeSnapshot:
    parts = partial / "parts"
    parts.mkdir(parents=True)
    sizes, paths = _split(store, parts, shard, shards)
    if not sizes.pins:
        of = f"shard {shard} of {shards}" if shards > 1 else "the snapshot"
        raise InputError(f"The pin store {store.place} holds no pin for {of}. Take fewer shards.")
    info = {
        "space_id": store.origin.space_id,
        "artifact_id": store.origin.artifact_id,
        "shard": shard,
        "shards": shards,
    }
    made = partial / "made"
    made.mkdir()
    lost = 0
    with SnapshotWriter(made, sizes, precision, statistics, info) as writer:
        for path in track(paths, "building the snapshot", unit="parts"):
            ids, embeddings, index = _ordered(path)
            lost += int((~np.isfinite(embeddings).all(axis=1)).sum())
            writer.append(ids, embeddings, index)
            path.unlink()
    files = hash_files(made)
    name = hash_json({"artifact_id": store.origin.artifact_id, "files": files})[:16]
    write_json(made / MANIFEST, {"snapshot": name, "files": files})
    target = folder / "snapshots" / name
    if target.exists() and not _is_whole(target):
        logger.warning("%s was damaged since it was built; it is replaced", target)
        target.rename(partial / "damaged")
    if not target.exists():
        made.rename(target)
    write_json(folder / CURRENT, {"snapshot": name, **info, "pins": sizes.pins})
    return MadeSnapshot(name, sizes.pins, lost)


def _is_whole(folder: Path) -> bool:
    """Whether a snapshot's files are those that it was published with."""
    try:
        Snapshot.open(folder).verify()
    except (ValueError, OSError, KeyError):
        return False
    return True


def _split(
    store: PinStore, folder: Path, shard: int, shards: int
) -> tuple[SnapshotSizes, list[Path]]:
    """Write the pins of a shard to a file each part, in the order of the parts."""
    held = store.count(tombstones=False)
    bits = max(0, (held // shards // _PART).bit_length())
    paths = [folder / f"{number:06d}.arrow" for number in range(2**bits)]
    pins = longest = terms = titles = 0
    schema = store.dataset.schema
    columns = pa.schema([schema.field(name) for name in SNAPSHOT_COLUMNS])
    with ExitStack() as stack:
        files = [stack.enter_context(pa.OSFile(str(path), "wb")) for path in paths]
        writers = [stack.enter_context(pa.ipc.new_stream(file, columns)) for file in files]
        batches = store.batches(SNAPSHOT_COLUMNS, filter="NOT deleted", batch_size=_BATCH)
        for batch in track(batches, "reading the store", total=held, unit="pins", weights=len):
            ids = _ids(batch["pin_id"])
            hashes = hash_ids(ids)
            if shards > 1:
                mine = hashes % np.uint64(shards) == shard
                batch, hashes = batch.filter(pa.array(mine)), hashes[mine]
                ids = ids[mine]
            if not len(batch):
                continue
            pins += len(batch)
            longest = max(longest, int(np.char.str_len(ids).max()))
            terms += len(batch["terms"].flatten())
            titles += len(batch["title_terms"].flatten())
            part = _part(hashes, bits)
            for number in np.unique(part):
                writers[number].write_batch(batch.filter(pa.array(part == number)))
    return SnapshotSizes(pins, store.origin.width, longest, terms, titles), paths


def _part(hashes: NDArray[np.uint64], bits: int) -> NDArray[np.int64]:
    if not bits:
        return np.zeros(len(hashes), np.int64)
    return (hashes >> np.uint64(64 - bits)).astype(np.int64)


def _ids(column: pa.Array) -> NDArray[np.bytes_]:
    """Return ids as an array of a width that any id has room in."""
    return np.array([pin_id.encode() for pin_id in column.to_pylist()], f"S{id_width(_LONGEST_ID)}")


def _ordered(path: Path) -> tuple[NDArray[np.bytes_], NDArray[np.float32], ForwardIndex]:
    """Return a part's ids, embeddings and terms, in the order of the hashes."""
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_stream(source).read_all().combine_chunks()
    ids = _ids(table["pin_id"])
    order = np.lexsort((ids, hash_ids(ids)))
    table = table.take(pa.array(order)).combine_chunks()
    return ids[order], embedding_matrix(table), forward_index(table)
