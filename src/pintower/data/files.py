"""Files of a dataset folder: which one holds a table, and its raw rows.

Every way a file can be broken (missing, empty, cut off, not UTF-8, not JSON, ragged) is told with
the file and, where lines exist, the line.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from pintower.data.checks import require
from pintower.data.delimited import read_tsv
from pintower.data.jsonl import read_jsonl
from pintower.data.tables import IMPRESSIONS, JUDGMENTS, PINS, QUERIES, QUERY_LOG, SCHEMAS
from pintower.errors import DatasetError

__all__ = ["FORMATS", "find_file", "read_parquet", "read_rows", "require_bytes"]

_log = logging.getLogger(__name__)

FORMATS = {
    PINS: ("parquet", "jsonl", "jsonl.gz"),
    JUDGMENTS: ("parquet", "tsv", "jsonl"),
    IMPRESSIONS: ("parquet", "tsv", "jsonl"),
    QUERY_LOG: ("parquet", "tsv"),
    QUERIES: ("parquet", "jsonl", "jsonl.gz"),
}
"""The endings each table may have, as the documentation of the dataset folder lists them."""


def find_file(folder: Path, table: str) -> Path | None:
    """Return the file that holds a table, or None if there is none.

    Raises:
        DatasetError: if the folder is missing, or holds the table in two formats.
    """
    if not folder.is_dir():
        kind = "a file" if folder.exists() else "missing"
        raise DatasetError(f"The dataset folder {folder} is {kind}; give a folder with pins.")
    names = [f"{table}.{ending}" for ending in FORMATS[table]]
    found = [folder / name for name in names if (folder / name).is_file()]
    if len(found) > 1:
        raise DatasetError(
            f"{folder} holds {' and '.join(path.name for path in found)}; which one counts is not "
            f"clear. Keep one of them."
        )
    return found[0] if found else None


def read_rows(path: Path, table: str) -> pl.DataFrame:
    """Read the rows of a table's file as they are, columns untouched.

    Raises:
        DatasetError: if the file is empty, broken or has no rows.
    """
    require_bytes(path)
    if path.suffix == ".parquet":
        frame = read_parquet(path)
    elif path.suffix == ".tsv":
        frame = read_tsv(path)
    else:
        frame = read_jsonl(path, (*SCHEMAS[table], "count"))
    if frame.is_empty():
        raise DatasetError(f"{path} holds no rows; fill it or remove it.")
    _log.debug("%s: %d rows, columns %s", path, len(frame), frame.columns)
    return frame


def require_bytes(path: Path) -> None:
    """Refuse an empty file.

    Raises:
        DatasetError: if it is one.
    """
    if path.stat().st_size == 0:
        raise DatasetError(f"{path} is empty (0 bytes); write it again or remove it.")


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Read a parquet file.

    Args:
        path: the file.
        columns: read these alone; None reads all.

    Raises:
        DatasetError: if it is cut off, damaged or none, or lacks one of the columns.
    """
    try:
        if columns is not None:
            require(pl.DataFrame(schema=pl.read_parquet_schema(path)), columns, path)
        return pl.read_parquet(path, columns=None if columns is None else list(columns))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(
            f"{path} cannot be read as parquet: {reason}. It is cut off, damaged or of another "
            f"format; write it again."
        ) from None
