"""The systems: pintower's snapshot, Lance, LMDB and Redis, filled with the same rows.

Each is filled from the snapshot, and each answers ids with embeddings FP32 [n, D].
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import lance
import lmdb
import numpy as np
import pyarrow as pa
import redis
from numpy.typing import NDArray

from pintower.errors import SetupError
from pintower.progress import track
from pintower.snapshot import Snapshot
from pintower.snapshot.precision import restore_rows

Answer = Callable[[Sequence[bytes]], NDArray[np.float32]]
BLOCK = 100_000
SCALE = np.dtype(np.float32).itemsize


@contextmanager
def lance_store(snapshot: Snapshot, folder: Path) -> Iterator[Answer]:
    """A Lance dataset with a scalar index on the id."""
    place = str(folder / "pins.lance")
    width = snapshot.width
    schema = pa.schema(
        [
            ("pin_id", pa.string()),
            ("embedding", pa.list_(pa.int8(), width)),
            ("scale", pa.float32()),
        ]
    )

    def batches() -> Iterator[pa.RecordBatch]:
        for rows in blocks(snapshot, "filling Lance"):
            flat = pa.array(snapshot.kept[rows].reshape(-1))
            ids = pa.array([pin_id.decode() for pin_id in snapshot.ids[rows].tolist()])
            embeddings = pa.FixedSizeListArray.from_arrays(flat, width)
            scales = pa.array(snapshot.scales[rows])
            yield pa.record_batch([ids, embeddings, scales], schema=schema)

    dataset = lance.write_dataset(batches(), place, schema=schema)
    dataset.create_scalar_index("pin_id", "BTREE")
    dataset = lance.dataset(place)

    def answer(ids: Sequence[bytes]) -> NDArray[np.float32]:
        wanted = [pin_id.decode() for pin_id in ids]
        quoted = ", ".join(f"'{pin_id}'" for pin_id in wanted)
        found = dataset.to_table(filter=f"pin_id IN ({quoted})")
        place_of = {pin_id: row for row, pin_id in enumerate(found["pin_id"].to_pylist())}
        order = np.array([place_of[pin_id] for pin_id in wanted])
        kept = pa.concat_arrays(found["embedding"].chunks).flatten().to_numpy()
        scales = found["scale"].to_numpy()
        return restore_rows(kept.reshape(-1, width)[order], scales[order])

    yield answer


@contextmanager
def lmdb_store(snapshot: Snapshot, folder: Path) -> Iterator[Answer]:
    """An LMDB environment, keys in sorted order, memory-mapped."""
    environment = lmdb.open(str(folder / "lmdb"), map_size=64 << 30, readahead=False)
    order = np.argsort(snapshot.ids)
    for start in track(range(0, len(order), BLOCK), "filling LMDB", unit="blocks"):
        rows = order[start : start + BLOCK]
        pairs = zip(snapshot.ids[rows].tolist(), values(snapshot, rows), strict=True)
        with environment.begin(write=True) as transaction:
            transaction.cursor().putmulti(pairs, append=True)
    width = snapshot.width

    def answer(ids: Sequence[bytes]) -> NDArray[np.float32]:
        with environment.begin(buffers=True) as transaction, transaction.cursor() as cursor:
            found = dict(cursor.getmulti(ids))
            return decoded([found[pin_id] for pin_id in ids], width)

    yield answer
    environment.close()


@contextmanager
def redis_store(snapshot: Snapshot, folder: Path) -> Iterator[Answer]:
    """A Redis server on this machine, asked by MGET through a Unix socket."""
    if (binary := shutil.which("redis-server")) is None:
        raise SetupError("redis-server is not installed (apt install redis-server)")
    path = folder / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(
        [binary, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(path)
        client = redis.Redis(unix_socket_path=str(path))
        for rows in blocks(snapshot, "filling Redis"):
            client.mset(dict(zip(snapshot.ids[rows].tolist(), values(snapshot, rows), strict=True)))
        width = snapshot.width

        def answer(ids: Sequence[bytes]) -> NDArray[np.float32]:
            return decoded(client.mget(ids), width)

        yield answer
    finally:
        server.terminate()
        server.wait()


def blocks(snapshot: Snapshot, description: str) -> Iterator[slice]:
    """Yield the rows of a snapshot, some at a time."""
    for start in track(range(0, len(snapshot.ids), BLOCK), description, unit="blocks"):
        yield slice(start, start + BLOCK)


def values(snapshot: Snapshot, rows: NDArray[np.int64] | slice) -> Iterator[bytes]:
    """Yield what a key-value store keeps of each pin: its scale, then its components."""
    for kept, scale in zip(snapshot.kept[rows], snapshot.scales[rows], strict=True):
        yield scale.tobytes() + kept.tobytes()


def decoded(found: Sequence[bytes | memoryview], width: int) -> NDArray[np.float32]:
    """Return the embeddings FP32 [n, D] of some values."""
    rows = np.frombuffer(b"".join(found), np.int8).reshape(-1, SCALE + width)
    scales = np.ascontiguousarray(rows[:, :SCALE]).view(np.float32).reshape(-1)
    return restore_rows(rows[:, SCALE:], scales)


def wait_for(path: Path) -> None:
    """Wait until somebody listens on a Unix socket."""
    for _ in range(100):
        try:
            with socket.socket(socket.AF_UNIX) as tried:
                tried.connect(str(path))
            return
        except OSError:
            time.sleep(0.1)
    raise SetupError(f"no server listens on {path}")
