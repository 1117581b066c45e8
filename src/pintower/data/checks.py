"""Checks and conversions that the tables of a dataset folder share.

Rows are counted from 1, blank lines and header not counted.
"""

import logging
import math
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from pintower.errors import DatasetError

__all__ = [
    "as_numbers",
    "as_seconds",
    "as_text",
    "check_ids",
    "check_known_pins",
    "check_queries",
    "examples",
    "ignore_others",
    "require",
    "rows_where",
]

_log = logging.getLogger(__name__)

_ID_BYTES = 255
_SHOWN = 5
_LATEST = 253_402_300_799
"""The last second of the year 9999; later ones are milliseconds taken for seconds."""


def examples(values: Iterable[object]) -> str:
    """Return the first few values, quoted, for a message."""
    shown = [repr(value) for _, value in zip(range(_SHOWN), values, strict=False)]
    return ", ".join(shown)


def rows_where(frame: pl.DataFrame, condition: pl.Expr) -> list[int]:
    """Return the rows (from 1) where a condition holds."""
    rows = frame.select((pl.arg_where(condition) + 1).alias("row"))["row"]
    return [int(row) for row in rows]


def require(frame: pl.DataFrame, columns: Collection[str], path: Path | str) -> None:
    """Refuse a table that lacks a column.

    Raises:
        DatasetError: naming the columns that are missing and those that were found.
    """
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise DatasetError(
            f"{path} lacks the column {', '.join(map(repr, missing))}; "
            f"found: {', '.join(frame.columns)}."
        )


def ignore_others(frame: pl.DataFrame, known: Collection[str], path: Path | str) -> pl.DataFrame:
    """Return the known columns; the others are ignored with one line in the log."""
    others = [name for name in frame.columns if name not in known]
    if others:
        _log.info("%s: columns not used: %s", path, ", ".join(others))
    return frame.select([name for name in frame.columns if name in known])


def as_text(frame: pl.DataFrame, column: str, path: Path | str) -> pl.Series:
    """Return a column as strings; whole numbers become their digits.

    Raises:
        DatasetError: if it holds neither strings nor whole numbers.
    """
    series = frame[column]
    kind = series.dtype
    if kind == pl.Null or kind == pl.String or kind.is_integer():
        return series.cast(pl.String)
    if isinstance(kind, (pl.Categorical, pl.Enum)):
        return series.cast(pl.String)
    raise DatasetError(
        f"{path}: column {column!r} has the type {kind}; strings (or whole numbers) are expected."
    )


def as_numbers(frame: pl.DataFrame, column: str) -> pl.Series:
    """Return a column as FP64, null where it holds no number; numbers written as text count."""
    series = frame[column]
    text = series.str.strip_chars() if series.dtype == pl.String else series
    if not (text.dtype == pl.String or text.dtype.is_numeric()):
        return pl.Series(column, [None] * len(frame), dtype=pl.Float64())
    return text.cast(pl.Float64, strict=False)


def as_seconds(frame: pl.DataFrame, column: str, path: Path | str) -> pl.Series:
    """Return a column of times as INT64 seconds since the epoch (UTC), null where not given.

    Taken are whole numbers (seconds), dates, datetimes, and text of any of these (ISO 8601).

    Raises:
        DatasetError: naming the first row that holds no time.
    """
    series = frame[column]
    kind = series.dtype
    if isinstance(kind, pl.Datetime) or kind == pl.Date:
        return series.cast(pl.Datetime("us", getattr(kind, "time_zone", None))).dt.epoch("s")
    given = series.is_not_null()
    if kind == pl.String:
        text = series.str.strip_chars()
        given &= text != ""
        values = [_seconds(value) if value else None for value in text]
        seconds = pl.Series(column, values, dtype=pl.Int64)
    elif kind == pl.Null:
        seconds = series.cast(pl.Int64)
    elif kind.is_numeric():
        inside = (series.abs() <= _LATEST).fill_null(False)
        seconds = series.set(~inside, None).cast(pl.Float64).floor().cast(pl.Int64)
    else:
        raise DatasetError(
            f"{path}: column {column!r} has the type {kind}; seconds since the epoch, dates or "
            f"ISO 8601 text are expected."
        )
    bad = (given & seconds.is_null()).arg_true()
    if len(bad):
        raise DatasetError(
            f"{path}, row {bad[0] + 1}: {column} {series[int(bad[0])]!r} is no time; seconds (not "
            f"milliseconds) since the epoch or ISO 8601 (2026-01-31T12:00:00) are expected."
        )
    return seconds


def _seconds(text: str) -> int | None:
    """Return the seconds since the epoch that a text means, or None if it means none."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        try:
            number = float(text)
        except ValueError:
            return None
        return math.floor(number) if abs(number) <= _LATEST else None
    return math.floor((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())


def check_ids(frame: pl.DataFrame, path: Path | str) -> None:
    """Refuse pin ids that are missing, too long or hold a NUL.

    Raises:
        DatasetError: naming rows.
    """
    pin_id = pl.col("pin_id")
    if rows := rows_where(frame, pin_id.is_null() | (pin_id.str.strip_chars() == "")):
        raise DatasetError(
            f"{path}: {len(rows)} rows have no pin_id (rows {examples(rows)}); every row needs one."
        )
    bad = (pin_id.str.len_bytes() > _ID_BYTES) | pin_id.str.contains("\0", literal=True)
    if rows := rows_where(frame, bad):
        value = frame["pin_id"][rows[0] - 1]
        raise DatasetError(
            f"{path}, row {rows[0]}: pin_id {value[:40]!r} ({len(value.encode())} bytes) is longer "
            f"than {_ID_BYTES} bytes or holds a NUL character; use shorter, plain ids."
        )


def check_queries(frame: pl.DataFrame, path: Path) -> None:
    """Refuse queries that are null or blank.

    Raises:
        DatasetError: naming rows.
    """
    query = pl.col("query")
    if rows := rows_where(frame, query.is_null() | (query.str.strip_chars() == "")):
        raise DatasetError(
            f"{path}: {len(rows)} rows have no query (rows {examples(rows)}); fill or remove them."
        )


def check_known_pins(frame: pl.DataFrame, pins: pl.DataFrame, path: Path) -> None:
    """Refuse rows about pins that the pins table does not hold.

    Raises:
        DatasetError: with the number of rows and a few of the ids.
    """
    unknown = frame.join(pins.select("pin_id"), on="pin_id", how="anti", maintain_order="left")
    if not unknown.is_empty():
        ids = unknown["pin_id"].unique(maintain_order=True)
        raise DatasetError(
            f"{path}: {len(unknown)} rows name pins that the pins table lacks ({len(ids)} ids, "
            f"such as {examples(ids)}); add the pins or remove the rows."
        )
