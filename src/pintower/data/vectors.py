"""Feature vector columns of pins and queries: found, checked, as FP32 lists of one width."""

import logging
from collections.abc import Collection

import polars as pl

from pintower.data.checks import rows_where
from pintower.data.origin import Origin
from pintower.data.tables import PINS, SCHEMAS
from pintower.errors import DatasetError

__all__ = ["clean_vectors", "find_vectors", "vector_widths"]

_log = logging.getLogger(__name__)


def find_vectors(
    frame: pl.DataFrame,
    origin: Origin,
    feature_columns: Collection[str] | None,
    *,
    table: str = PINS,
) -> list[str]:
    """Return the names of the columns that hold feature vectors.

    Args:
        frame: raw rows.
        origin: of the rows, for messages.
        feature_columns: the columns asked for; None takes every column of lists of floats. Lists
            of whole numbers are vectors only where they are asked for.
        table: whose rows they are.

    Raises:
        DatasetError: if a column asked for is missing or holds no lists of numbers.
    """
    free = [name for name in frame.columns if name not in SCHEMAS[table]]
    if feature_columns is None:
        return [name for name in free if _inner(frame.schema[name]).is_float()]
    for name in feature_columns:
        if name not in free:
            raise DatasetError(
                f"{origin} lacks the feature column {name!r}; columns that could be one: "
                f"{', '.join(free) or 'none'}. Correct data.feature_columns or add the column."
            )
        if not _inner(frame.schema[name]).is_numeric():
            raise DatasetError(
                f"{origin}: feature column {name!r} has the type {frame.schema[name]}; lists of "
                f"numbers are expected."
            )
    return list(feature_columns)


def clean_vectors(frame: pl.DataFrame, columns: Collection[str], origin: Origin) -> list[pl.Series]:
    """Return the vector columns as ``List(Float32)``; a row without a vector has null.

    Raises:
        DatasetError: naming the first row whose width or numbers are wrong.
    """
    cleaned = []
    for name in columns:
        series = frame[name].cast(pl.List(pl.Float32()), strict=False).alias(name)
        widths = series.list.len()
        given = widths.drop_nulls()
        if given.is_empty():
            _log.info("%s: feature column %s holds no vectors and is not used", origin, name)
            continue
        _check(series, widths, int(given[0]), origin)
        cleaned.append(series)
    return cleaned


def vector_widths(frame: pl.DataFrame, table: str = PINS) -> dict[str, int]:
    """Return ``{column: width}`` for the vector columns of a cleaned table."""
    names = [name for name in frame.columns if name not in SCHEMAS[table]]
    return {name: int(frame[name].drop_nulls().list.len()[0]) for name in names}


def _inner(kind: pl.DataType) -> pl.DataType:
    if isinstance(kind, (pl.List, pl.Array)):
        inner = kind.inner
        return inner if isinstance(inner, pl.DataType) else inner()
    return pl.Null()


def _check(series: pl.Series, widths: pl.Series, width: int, origin: Origin) -> None:
    name = series.name
    table = pl.DataFrame([series.alias("vector"), widths.alias("width")])
    if rows := rows_where(table, pl.col("width") != width):
        raise DatasetError(
            f"{origin.at(rows[0])}: {name!r} has {widths[rows[0] - 1]} numbers, the rows before "
            f"have {width}. Every vector of a column needs one width; if {name!r} is no feature "
            f"vector, name those that are in data.feature_columns."
        )
    if width == 0:
        raise DatasetError(f"{origin}: the vectors of {name!r} are empty; remove the column.")
    element = pl.element()
    finite = pl.col("vector").list.eval(element.is_finite().fill_null(False)).list.all()
    if rows := rows_where(table, pl.col("vector").is_not_null() & ~finite):
        raise DatasetError(
            f"{origin.at(rows[0])}: {name!r} holds a null, NaN or infinite number (or one too "
            f"large for 32 bits). Use null for the whole vector where there is none."
        )
