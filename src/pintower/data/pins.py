"""The pins table of a dataset folder: checked, typed, holes filled with empty text."""

import logging
from collections.abc import Collection
from pathlib import Path

import polars as pl

from pintower.data.checks import (
    as_seconds,
    as_text,
    check_ids,
    examples,
    ignore_others,
    require,
    rows_where,
)
from pintower.data.tables import LIST_COLUMNS, PINS, SCHEMAS, TEXT_COLUMNS
from pintower.data.vectors import clean_vectors, find_vectors
from pintower.errors import DatasetError

__all__ = ["clean_pins", "require_text", "typed_pins"]

_log = logging.getLogger(__name__)


def clean_pins(
    frame: pl.DataFrame, path: Path, feature_columns: Collection[str] | None
) -> pl.DataFrame:
    """Return the pins table of a whole catalogue, feature vectors after the fixed columns.

    Args:
        frame: raw rows.
        path: the file, for messages.
        feature_columns: vector columns to keep; None keeps every list-of-floats column.

    Raises:
        DatasetError: for anything the dataset folder's rules refuse.
    """
    pins = typed_pins(frame, path, feature_columns)
    _refuse_duplicates(pins, path)
    _refuse_silence(pins, path)
    return pins


def typed_pins(
    frame: pl.DataFrame, path: Path | str, feature_columns: Collection[str] | None
) -> pl.DataFrame:
    """Return rows of a catalogue in the schema of the pins table; each row is looked at alone.

    Args:
        frame: raw rows, all or some of them.
        path: where they come from, for messages.
        feature_columns: vector columns to keep; None keeps every list-of-floats column.

    Raises:
        DatasetError: for a column of another type, or a row that cannot be a pin.
    """
    require(frame, ["pin_id"], path)
    require_text(frame.columns, path)
    vectors = find_vectors(frame, path, feature_columns)
    frame = ignore_others(frame, {*SCHEMAS[PINS], *vectors}, path)
    fixed = pl.DataFrame([_column(frame, name, path) for name in SCHEMAS[PINS]])
    check_ids(fixed, path)
    return fixed.with_columns(clean_vectors(frame, vectors, path))


def require_text(columns: Collection[str], path: Path | str) -> None:
    """Refuse pins without any text column.

    Raises:
        DatasetError: naming the columns that were found.
    """
    if not set(columns).intersection(TEXT_COLUMNS):
        raise DatasetError(
            f"{path} has no text column; one of {', '.join(TEXT_COLUMNS)} is needed, "
            f"found: {', '.join(columns)}."
        )


def _column(frame: pl.DataFrame, name: str, path: Path | str) -> pl.Series:
    kind = SCHEMAS[PINS][name]
    if name not in frame.columns:
        hole = pl.Series(name, [None] * len(frame), dtype=kind)
    elif name in LIST_COLUMNS:
        hole = _texts(frame, name, path)
    elif name == "updated_at":
        seconds = as_seconds(frame, name, path)
        hole = pl.from_epoch(seconds, time_unit="s").cast(kind)
    else:
        hole = as_text(frame, name, path)
    if name in LIST_COLUMNS:
        hole = pl.select(pl.when(hole.is_null()).then(pl.lit([], dtype=kind)).otherwise(hole))[:, 0]
    elif kind == pl.String and name != "pin_id":
        hole = hole.fill_null("")
    return hole.alias(name)


def _texts(frame: pl.DataFrame, name: str, path: Path | str) -> pl.Series:
    """Return a column of lists of strings, without null or blank items."""
    series = frame[name]
    if series.dtype == pl.Null or series.dtype == pl.List(pl.Null):
        return pl.Series(name, [None] * len(frame), dtype=pl.List(pl.String()))
    inner = series.dtype.inner if isinstance(series.dtype, pl.List) else None
    if inner is None or not (inner == pl.String or inner.is_integer()):
        raise DatasetError(
            f"{path}: column {name!r} has the type {series.dtype}; a list of strings, best first, "
            f"is expected in every row."
        )
    items = series.cast(pl.List(pl.String()))
    return items.list.eval(pl.element().filter(pl.element().str.strip_chars() != ""))


def _refuse_duplicates(pins: pl.DataFrame, path: Path) -> None:
    twice = pins.filter(pl.col("pin_id").is_duplicated())["pin_id"].unique(maintain_order=True)
    if len(twice):
        raise DatasetError(
            f"{path}: {len(twice)} pin ids occur more than once, such as {examples(twice)}; "
            f"keep one row for each pin."
        )


def _refuse_silence(pins: pl.DataFrame, path: Path) -> None:
    """Refuse a catalogue without any text; single pins without text are only counted."""
    silent = pl.all_horizontal(
        pl.col(name).list.len() == 0
        if name in LIST_COLUMNS
        else pl.col(name).str.strip_chars() == ""
        for name in TEXT_COLUMNS
    )
    rows = rows_where(pins, silent)
    if len(rows) == len(pins):
        raise DatasetError(f"{path}: no pin has any text; fill one of {', '.join(TEXT_COLUMNS)}.")
    if rows:
        _log.warning("%s: %d of %d pins have no text at all", path, len(rows), len(pins))
