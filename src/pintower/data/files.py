"""Files of a dataset folder: which one holds a table, and its rows.

Every way a file can be broken (missing, empty, cut off, not UTF-8, not JSON, ragged) is told with
the file and, where lines exist, the line.
"""

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

import polars as pl

from pintower.data.checks import require
from pintower.data.columns import KINDS, VECTOR, typed_rows
from pintower.data.delimited import read_csv, read_tsv
from pintower.data.jsonl import read_jsonl
from pintower.data.kinds import Kind
from pintower.data.origin import Origin, Rows
from pintower.data.placeholders import told
from pintower.data.signature import HEAD, PARQUET, named_by_content
from pintower.errors import DatasetError

__all__ = ["ENDINGS", "find_file", "read_parquet", "read_rows", "require_bytes"]

_log = logging.getLogger(__name__)

ENDINGS = ("parquet", "tsv", "tsv.gz", "csv", "csv.gz", "jsonl", "jsonl.gz")
"""What the file of a table may end with, whichever table it is."""


def find_file(folder: Path, table: str) -> Path | None:
    """Return the file that holds a table, or None if there is none.

    Raises:
        DatasetError: if the folder is missing, or holds the table in two formats.
    """
    if not folder.is_dir():
        kind = "a file" if folder.exists() else "missing"
        raise DatasetError(f"The dataset folder {folder} is {kind}; give a folder with pins.")
    found = [folder / f"{table}.{ending}" for ending in ENDINGS]
    found = [path for path in found if path.exists()]
    if len(found) > 1:
        raise DatasetError(
            f"{folder} holds {' and '.join(path.name for path in found)}; which one counts is not "
            f"clear. Keep one of them."
        )
    if found and found[0].is_dir():
        raise DatasetError(
            f"{found[0]} is a folder; a table of a dataset folder is one file. Join its parts, as "
            'polars.read_parquet("FOLDER").write_parquet("FILE") does.'
        )
    return found[0] if found else None


def read_rows(path: Path, table: str, vectors: Collection[str] = ()) -> Rows:
    """Read the rows of a table's file, its known columns in their kinds, the others as they are.

    Args:
        path: the file.
        table: that it holds.
        vectors: columns that must hold feature vectors.

    Raises:
        DatasetError: if the file is empty, broken or has no rows, or a value is not allowed.
    """
    require_bytes(path)
    kinds = KINDS[table] | dict.fromkeys(vectors, VECTOR)
    ending = path.name.partition(".")[2].removesuffix(".gz")
    if ending == "parquet":
        rows = read_parquet(path, kinds)
    elif ending == "tsv":
        rows = read_tsv(path, kinds)
    elif ending == "csv":
        rows = read_csv(path, ",", kinds)
    else:
        rows = read_jsonl(path, kinds)
    if rows.frame.is_empty():
        raise DatasetError(f"{path} holds no rows; fill it or remove it.")
    _log.debug("%s: %d rows, columns %s", path, len(rows.frame), rows.frame.columns)
    return rows


def require_bytes(path: Path) -> None:
    """Refuse an empty file.

    Raises:
        DatasetError: if it is one.
    """
    if path.stat().st_size == 0:
        raise DatasetError(f"{path} is empty (0 bytes); write it again or remove it.")


def read_parquet(path: Path, kinds: Mapping[str, Kind], *, others: bool = True) -> Rows:
    """Read a parquet file.

    Args:
        path: the file.
        kinds: of the columns that somebody will use.
        others: read the other columns too; without them, each column of a kind must be there.

    Raises:
        DatasetError: if it is cut off, damaged or none, lacks a column, or a value is not allowed.
    """
    try:
        if not others:
            require(list(pl.read_parquet_schema(path)), list(kinds), Origin(path))
        frame = pl.read_parquet(path, columns=None if others else list(kinds), glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        with path.open("rb") as file:
            found = named_by_content(file.read(HEAD))
        if found is not None and found != PARQUET:
            raise DatasetError(f"{path} holds {found}; a parquet file is expected.") from None
        raise DatasetError(
            f"{path} cannot be read as parquet: {str(error).splitlines()[0]}. It is cut off, "
            "damaged or of another format; write it again."
        ) from None
    return told(typed_rows(frame, kinds, Origin(path)), kinds)
