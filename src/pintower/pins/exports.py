"""The store's embeddings for other surfaces: parquet or numpy, written batch by batch."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pintower.artifacts import write_json
from pintower.disk import disk_full, require_room
from pintower.errors import InputError
from pintower.pins.store import PinStore
from pintower.progress import track

__all__ = ["Format", "export_store"]

Format = Literal["parquet", "numpy"]

_COLUMNS = ("pin_id", "title", "embedding")
_FP32 = 4
_NOT_WRITTEN = (".csv", ".json", ".jsonl", ".lance", ".npy", ".npz", ".tsv")


def export_store(store: PinStore, out: Path, kind: Format) -> int:
    """Write every pin's id, title and embedding; return how many there are.

    Args:
        store: as a finished update left it.
        out: absent before. With ``parquet`` a file of all three columns; with ``numpy`` a folder of
            ``embeddings.npy`` FP32 [N, D], ``pins.parquet`` (id and title, in the same order) and
            ``space.json`` (space id and artifact id, which a user of the embeddings compares).
        kind: ``parquet`` or ``numpy``.

    Raises:
        InputError: if there is something at ``out``, its folder cannot be made, or its name
            promises another format.
        DiskFullError: if the disk has no room for it; nothing is left at ``out`` then.
    """
    if out.suffix in _NOT_WRITTEN:
        wanted = out.with_suffix(".parquet" if kind == "parquet" else "")
        raise InputError(
            f"{out} is no name for what is written, a parquet file or, with --format numpy, a "
            f"folder. Call it {wanted}."
        )
    if out.exists():
        raise InputError(f"{out} exists. Remove it, or give another file or folder.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {out.parent} cannot be made: {error.strerror}.") from None
    partial = out.with_name(f".{out.name}.partial")
    _remove(partial)
    held = store.count(tombstones=False)
    require_room(out, held * store.origin.width * _FP32, f"an export of {held:,} pins")
    batches = store.batches(_COLUMNS, filter="NOT deleted")
    tracked = track(batches, "exporting pins", total=held, unit="pins", weights=len)
    try:
        if kind == "parquet":
            _write_parquet(tracked, partial, store)
        else:
            partial.mkdir()
            _write_numpy(tracked, partial, held, store)
    except BaseException as error:
        full = disk_full(error, partial, f"the export of {held:,} pins")
        _remove(partial)
        if full is not None:
            raise full from error
        raise
    partial.rename(out)
    return held


def _write_parquet(batches: Iterator[pa.RecordBatch], path: Path, store: PinStore) -> None:
    schema = pa.schema([store.dataset.schema.field(name) for name in _COLUMNS])
    schema = schema.with_metadata(store.dataset.schema.metadata)
    with pq.ParquetWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema))


def _write_numpy(
    batches: Iterator[pa.RecordBatch], folder: Path, held: int, store: PinStore
) -> None:
    names = pa.schema([store.dataset.schema.field(name) for name in _COLUMNS[:2]])
    width = store.origin.width
    with (
        (folder / "embeddings.npy").open("wb") as file,
        pq.ParquetWriter(folder / "pins.parquet", names) as writer,
    ):
        header = {"descr": "<f4", "fortran_order": False, "shape": (held, width)}
        np.lib.format.write_array_header_1_0(file, header)
        for batch in batches:
            file.write(batch["embedding"].flatten().to_numpy().tobytes())
            writer.write_batch(batch.select(list(_COLUMNS[:2])).cast(names))
    origin = {"space_id": store.origin.space_id, "artifact_id": store.origin.artifact_id}
    write_json(folder / "space.json", origin)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
