"""Files of a dataset folder: which one holds a table, and its raw rows.

Every way a file can be broken (missing, empty, cut off, not UTF-8, not JSON, ragged) is told with
the file and, where lines exist, the line.
"""

import logging
from pathlib import Path

import polars as pl

from pintower.data.jsonl import read_jsonl
from pintower.data.tables import IMPRESSIONS, JUDGMENTS, PINS, QUERY_LOG, SCHEMAS
from pintower.errors import DatasetError

__all__ = ["FORMATS", "find_file", "read_rows"]

_log = logging.getLogger(__name__)

FORMATS = {
    PINS: ("parquet", "jsonl", "jsonl.gz"),
    JUDGMENTS: ("parquet", "tsv", "jsonl"),
    IMPRESSIONS: ("parquet", "tsv", "jsonl"),
    QUERY_LOG: ("parquet", "tsv"),
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
    if path.stat().st_size == 0:
        raise DatasetError(f"{path} is empty (0 bytes); write it again or remove it.")
    if path.suffix == ".parquet":
        frame = _read_parquet(path)
    elif path.suffix == ".tsv":
        frame = _read_tsv(path)
    else:
        frame = read_jsonl(path, (*SCHEMAS[table], "count"))
    if frame.is_empty():
        raise DatasetError(f"{path} holds no rows; fill it or remove it.")
    _log.debug("%s: %d rows, columns %s", path, len(frame), frame.columns)
    return frame


def _read_parquet(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(
            f"{path} cannot be read as parquet: {reason}. It is cut off, damaged or of another "
            f"format; write it again."
        ) from None


def _read_tsv(path: Path) -> pl.DataFrame:
    """Read a TSV as text columns: a header line, tabs between fields, no quoting."""
    data = path.read_bytes()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DatasetError(
            f"{path}, line {line}: not UTF-8 (byte 0x{data[error.start]:02x}); save it as UTF-8."
        ) from None
    lines = data.split(b"\n")
    width = lines[0].count(b"\t") + 1
    names = [name.strip() for name in lines[0].decode("utf-8-sig").split("\t")]
    if len(set(names)) < width:
        raise DatasetError(f"{path}, line 1: a column is named twice: {', '.join(names)}.")
    for number, row in enumerate(lines, 1):
        fields = row.count(b"\t") + 1
        if row.strip() and fields != width:
            raise DatasetError(
                f"{path}, line {number}: {fields} fields, but the header has {width} "
                f"({', '.join(names)}). Fields are separated by tabs and not quoted."
            )
    body = b"\n".join(row for row in lines[1:] if row.strip())
    if not body:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String()))
    return pl.read_csv(
        body,
        separator="\t",
        quote_char=None,
        has_header=False,
        new_columns=names,
        infer_schema=False,
    )
