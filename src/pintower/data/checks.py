"""Checks that the tables of a dataset folder share.

Rows are counted from 1, blank lines and header not counted.
"""

import logging
from collections.abc import Collection, Iterable

import polars as pl

from pintower.data.origin import Origin
from pintower.errors import DatasetError

__all__ = [
    "check_ids",
    "check_known_pins",
    "check_queries",
    "examples",
    "ignore_others",
    "require",
    "rows_where",
    "with_missing",
]

_log = logging.getLogger(__name__)

_ID_BYTES = 255
_SHOWN = 5


def examples(values: Iterable[object]) -> str:
    """Return the first few values, quoted, for a message."""
    shown = [repr(value) for _, value in zip(range(_SHOWN), values, strict=False)]
    return ", ".join(shown)


def rows_where(frame: pl.DataFrame, condition: pl.Expr) -> list[int]:
    """Return the rows (from 1) where a condition holds."""
    rows = frame.select((pl.arg_where(condition) + 1).alias("row"))["row"]
    return [int(row) for row in rows]


def require(found: Collection[str], columns: Collection[str], origin: Origin) -> None:
    """Refuse a table that lacks a column.

    Raises:
        DatasetError: naming the columns that are missing and those that were found.
    """
    missing = [name for name in columns if name not in found]
    if missing:
        raise DatasetError(
            f"{origin} lacks the column {', '.join(map(repr, missing))}; found: {', '.join(found)}."
        )


def ignore_others(frame: pl.DataFrame, known: Collection[str], origin: Origin) -> pl.DataFrame:
    """Return the known columns; the others are ignored with one line in the log."""
    others = [name for name in frame.columns if name not in known]
    if others:
        _log.info("%s: columns not used: %s", origin, ", ".join(others))
    return frame.select([name for name in frame.columns if name in known])


def with_missing(frame: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Return a table in a schema: columns that it lacks are null, others are left out."""
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items()
              if name not in frame.columns]  # fmt: skip
    return frame.with_columns(absent).select(list(schema))


def check_ids(frame: pl.DataFrame, origin: Origin) -> None:
    """Refuse pin ids that are missing, too long, hold a NUL or have blanks around them.

    Raises:
        DatasetError: naming rows.
    """
    pin_id = pl.col("pin_id")
    if rows := rows_where(frame, pin_id.is_null() | (pin_id.str.strip_chars() == "")):
        raise DatasetError(
            f"{origin}: {len(rows)} rows have no pin_id ({origin.rows(rows)}); every row needs one."
        )
    bad = (pin_id.str.len_bytes() > _ID_BYTES) | pin_id.str.contains("\0", literal=True)
    if rows := rows_where(frame, bad):
        value = frame["pin_id"][rows[0] - 1]
        raise DatasetError(
            f"{origin.at(rows[0])}: pin_id {value[:40]!r} ({len(value.encode())} bytes) is longer "
            f"than {_ID_BYTES} bytes or holds a NUL character; use shorter, plain ids."
        )
    if rows := rows_where(frame, pin_id.str.strip_chars() != pin_id):
        raise DatasetError(
            f"{origin.at(rows[0])}: pin_id {frame['pin_id'][rows[0] - 1]!r} has blanks around it "
            f"({len(rows)} such rows); remove them, a request with the plain id would not find it."
        )


def check_queries(frame: pl.DataFrame, origin: Origin) -> None:
    """Refuse queries that are null or blank.

    Raises:
        DatasetError: naming rows.
    """
    query = pl.col("query")
    if rows := rows_where(frame, query.is_null() | (query.str.strip_chars() == "")):
        raise DatasetError(
            f"{origin}: {len(rows)} rows have no query ({origin.rows(rows)}); fill or remove them."
        )


def check_known_pins(frame: pl.DataFrame, pins: pl.DataFrame, origin: Origin) -> None:
    """Refuse rows about pins that the pins table does not hold.

    Raises:
        DatasetError: with the number of rows, the first of them and a few of the ids.
    """
    known = pl.col("pin_id").is_in(pins["pin_id"].implode())
    if rows := rows_where(frame, ~known):
        ids = frame["pin_id"].gather([row - 1 for row in rows]).unique(maintain_order=True)
        raise DatasetError(
            f"{origin}: {len(rows)} rows name pins that the pins table lacks ({origin.rows(rows)}; "
            f"{len(ids)} ids, such as {examples(ids)}); add the pins or remove the rows."
        )
