"""What of a catalogue a store does not hold yet.

The catalogue is read once, in order, and reduced to keys, which DuckDB joins with those of the
store. The join spills to disk, so memory does not grow with the catalogue.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from pintower.data.catalogue import Catalogue
from pintower.errors import DatasetError, InputError
from pintower.models.pin_keys import KEYS, PinKeys
from pintower.pins.store import PinStore
from pintower.progress import track

__all__ = ["Difference", "find_difference"]

_MEMORY = "1GB"
_AHEAD = 2
_JOINED = """
CREATE TABLE joined AS
SELECT
    row_no,
    s.pin_id IS NULL OR s.deleted AS new,
    c.text_key = s.text_key OR c.rule_key = s.rule_key AS same_text,
    c.vector_key = s.vector_key OR {near} AS same_vectors,
    c.text_key = s.text_key AND c.vector_key = s.vector_key AS same_inputs,
    c.terms_key = s.terms_key AND (c.text_key <> s.text_key OR c.rule_key = s.rule_key) AS same_rest
FROM catalogue c LEFT JOIN store s USING (pin_id)
"""
_NEAR = (
    "array_distance(c.vectors, s.vectors) "
    "<= {tolerance} * sqrt(array_inner_product(s.vectors, s.vectors))"
)


@dataclass(frozen=True)
class Difference:
    """What to do so that a store holds a catalogue.

    Attributes:
        pins: in the catalogue.
        new: INT64, rows of the catalogue that the store lacks, ascending.
        changed: INT64, rows whose change is meaningful.
        refreshed: INT64, rows whose terms or title changed and whose embedding stays.
        ignored: INT64, rows whose inputs changed, but not in a meaningful way.
        deleted: ids that the store holds and the catalogue does not.
    """

    pins: int
    new: NDArray[np.int64]
    changed: NDArray[np.int64]
    refreshed: NDArray[np.int64]
    ignored: NDArray[np.int64]
    deleted: list[str]

    @property
    def embedded(self) -> NDArray[np.int64]:
        """INT64, the rows to embed, ascending."""
        return np.sort(np.concatenate([self.new, self.changed]))

    @property
    def deleted_share(self) -> float:
        """Share of the store's pins that the catalogue does not hold."""
        held = self.pins - len(self.new) + len(self.deleted)
        return len(self.deleted) / held if held else 0.0


def find_difference(
    catalogue: Catalogue, store: PinStore | None, keys: PinKeys, *, processes: int | None = None
) -> Difference:
    """Compare a catalogue with the newest version of a store.

    Args:
        catalogue: read once.
        store: None stands for an empty one.
        keys: makes the keys of pins.
        processes: that render and hash; 0 stays in this one, None takes every core where there
            are pins enough to be worth it.

    Raises:
        DatasetError: if the catalogue holds no pin or one twice, or cannot be read.
    """
    if processes is None:
        processes = len(os.sched_getaffinity(0)) if catalogue.large() else 0
    with TemporaryDirectory(prefix="pintower-difference-") as folder:
        if "?" in folder:
            raise InputError(
                f"DuckDB cannot work in {folder}, where temporary files lie: it takes the question "
                "mark for its own. Set TMPDIR to another folder."
            )
        limits = {"memory_limit": _MEMORY, "temp_directory": str(Path(folder) / "spilled")}
        with duckdb.connect(str(Path(folder) / "keys.duckdb"), config=limits) as base:
            width = sum(column["width"] for column in keys.columns)
            width = width if keys.rule.vector_tolerance else 0
            pins = _read_catalogue(base, catalogue, keys, width, processes)
            _require_distinct(base, catalogue, pins)
            _read_store(base, store, width)
            return _compare(base, pins, keys.rule.vector_tolerance if width else None)


def _read_catalogue(
    base: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    keys: PinKeys,
    width: int,
    processes: int,
) -> int:
    """Fill the table ``catalogue``; return its rows."""
    names = _make_table(base, "catalogue", ["row_no BIGINT"], width)
    first = 0
    with _mapping(processes) as mapped:
        tables = track(
            mapped(keys.to_compare, catalogue.batches()),
            "comparing pins", total=catalogue.count(), unit="pins", weights=len,
        )  # fmt: skip
        for table in tables:
            numbers = pa.array(np.arange(first, first + len(table)))
            _insert(base, "catalogue", names, table.append_column("row_no", numbers))
            first += len(table)
    return first


def _read_store(base: duckdb.DuckDBPyConnection, store: PinStore | None, width: int) -> None:
    """Fill the table ``store``."""
    names = _make_table(base, "store", ["deleted BOOLEAN"], width)
    if store is not None:
        for batch in store.batches(names):
            _insert(base, "store", names, pa.table(batch))


def _make_table(
    base: duckdb.DuckDBPyConnection, name: str, more: list[str], width: int
) -> list[str]:
    """Make an empty table of keys; return the names of its columns."""
    columns = [*more, "pin_id VARCHAR", *(f"{key} BLOB" for key in KEYS)]
    if width:
        columns.append(f"vectors FLOAT[{width}]")
    base.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
    return [column.split()[0] for column in columns]


def _insert(base: duckdb.DuckDBPyConnection, name: str, columns: list[str], rows: pa.Table) -> None:
    base.register("arrived", rows)
    base.execute(f"INSERT INTO {name} SELECT {', '.join(columns)} FROM arrived")
    base.unregister("arrived")


def _require_distinct(base: duckdb.DuckDBPyConnection, catalogue: Catalogue, pins: int) -> None:
    if not pins:
        raise DatasetError(f"{catalogue.place} holds no pins, so there is nothing to embed.")
    twice = base.execute(
        "SELECT pin_id FROM catalogue GROUP BY pin_id HAVING count(*) > 1 ORDER BY pin_id LIMIT 1"
    ).fetchone()
    if twice is not None:
        raise DatasetError(
            f"The pin id {twice[0]!r} stands twice in {catalogue.place}; keep one row for each pin."
        )


def _compare(base: duckdb.DuckDBPyConnection, pins: int, tolerance: float | None) -> Difference:
    near = "FALSE" if tolerance is None else _NEAR.format(tolerance=tolerance)
    base.execute(_JOINED.format(near=near))

    def rows(where: str) -> NDArray[np.int64]:
        found = base.execute(f"SELECT row_no FROM joined WHERE {where} ORDER BY row_no")
        numbers: NDArray[np.int64] = found.fetchnumpy()["row_no"]
        return numbers

    deleted = base.execute(
        "SELECT pin_id FROM store ANTI JOIN catalogue USING (pin_id) WHERE NOT deleted "
        "ORDER BY pin_id"
    ).fetchall()
    same = "NOT new AND same_text AND same_vectors"
    return Difference(
        pins=pins,
        new=rows("new"),
        changed=rows("NOT new AND NOT (same_text AND same_vectors)"),
        refreshed=rows(f"{same} AND NOT same_rest"),
        ignored=rows(f"{same} AND NOT same_inputs"),
        deleted=[pin_id for (pin_id,) in deleted],
    )


@contextmanager
def _mapping(
    processes: int,
) -> Iterator[
    Callable[[Callable[[pl.DataFrame], pa.Table], Iterator[pl.DataFrame]], Iterator[pa.Table]]
]:
    """Give a ``map`` that keeps the order and reads only a little ahead."""
    if not processes:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:

        def mapped(
            function: Callable[[pl.DataFrame], pa.Table], frames: Iterator[pl.DataFrame]
        ) -> Iterator[pa.Table]:
            waiting: deque[Future[pa.Table]] = deque()
            for frame in frames:
                waiting.append(pool.submit(function, frame))
                if len(waiting) > processes * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

        yield mapped
