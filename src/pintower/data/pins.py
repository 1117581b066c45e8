"""The pins table of a dataset folder: checked, typed, holes filled with empty text."""

import logging
from collections.abc import Collection

import polars as pl

from pintower.data.checks import (
    check_ids,
    examples,
    ignore_others,
    require,
    rows_where,
    with_missing,
)
from pintower.data.origin import Origin, Rows
from pintower.data.tables import LIST_COLUMNS, PINS, SCHEMAS, TEXT_COLUMNS
from pintower.data.vectors import clean_vectors, find_vectors
from pintower.errors import DatasetError

__all__ = ["clean_pins", "filled_pins", "require_text"]

_log = logging.getLogger(__name__)


def clean_pins(rows: Rows, feature_columns: Collection[str] | None) -> pl.DataFrame:
    """Return the pins table of a whole catalogue, feature vectors after the fixed columns.

    Args:
        rows: of the catalogue's file.
        feature_columns: vector columns to keep; None keeps every list-of-floats column.

    Raises:
        DatasetError: for anything the dataset folder's rules refuse.
    """
    pins = filled_pins(rows, feature_columns)
    _refuse_duplicates(pins, rows.origin)
    _refuse_silence(pins, rows.origin)
    return pins


def filled_pins(rows: Rows, feature_columns: Collection[str] | None) -> pl.DataFrame:
    """Return rows of a catalogue in the schema of the pins table; each row is looked at alone.

    Args:
        rows: all or some of a catalogue.
        feature_columns: vector columns to keep; None keeps every list-of-floats column.

    Raises:
        DatasetError: for a column that is missing, or a row that cannot be a pin.
    """
    frame, origin = rows.frame, rows.origin
    require(frame.columns, ["pin_id"], origin)
    require_text(frame.columns, origin)
    vectors = find_vectors(frame, origin, feature_columns)
    frame = ignore_others(frame, {*SCHEMAS[PINS], *vectors}, origin)
    times = [pl.from_epoch("updated_at", "s")] if "updated_at" in frame.columns else []
    fixed = with_missing(frame.with_columns(times), SCHEMAS[PINS])
    fixed = fixed.cast({"updated_at": SCHEMAS[PINS]["updated_at"]}).with_columns(
        pl.col(name).fill_null(pl.lit([], dtype=kind) if name in LIST_COLUMNS else "")
        for name, kind in SCHEMAS[PINS].items()
        if name not in ("pin_id", "updated_at")
    )
    check_ids(fixed, origin)
    return fixed.with_columns(clean_vectors(frame, vectors, origin))


def require_text(columns: Collection[str], origin: Origin) -> None:
    """Refuse pins without any text column.

    Raises:
        DatasetError: naming the columns that were found.
    """
    if not set(columns).intersection(TEXT_COLUMNS):
        raise DatasetError(
            f"{origin} has no text column; one of {', '.join(TEXT_COLUMNS)} is needed, "
            f"found: {', '.join(columns)}."
        )


def _refuse_duplicates(pins: pl.DataFrame, origin: Origin) -> None:
    twice = pins.filter(pl.col("pin_id").is_duplicated())["pin_id"].unique(maintain_order=True)
    if len(twice):
        raise DatasetError(
            f"{origin}: {len(twice)} pin ids occur more than once, such as {examples(twice)}; "
            f"keep one row for each pin."
        )


def _refuse_silence(pins: pl.DataFrame, origin: Origin) -> None:
    """Refuse a catalogue without any text; single pins without text are only counted."""
    silent = pl.all_horizontal(
        pl.col(name).list.len() == 0
        if name in LIST_COLUMNS
        else pl.col(name).str.strip_chars() == ""
        for name in TEXT_COLUMNS
    )
    rows = rows_where(pins, silent)
    if len(rows) == len(pins):
        raise DatasetError(f"{origin}: no pin has any text; fill one of {', '.join(TEXT_COLUMNS)}.")
    if rows:
        _log.warning("%s: %d of %d pins have no text at all", origin, len(rows), len(pins))
