"""The kinds of values that columns hold, and the one place where a raw value becomes one.

Every reader of dataset files, whatever the format, gives its columns to :func:`typed_series` or
:func:`typed_values`, so that a rule holds for all formats: null and NaN are absent, a value of
another type is refused with its row, and no number or truth value becomes text in silence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pintower.data.json_values import series_by_type
from pintower.data.origin import Origin
from pintower.errors import DatasetError

__all__ = ["Kind", "typed_series", "typed_values"]

_SHOWN = 60


@dataclass(frozen=True)
class Kind:
    """What the values of a column may be.

    Attributes:
        allowed: in words, the end of a message.
        dtype: of the typed column.
        convert: from a raw series of one type to the typed one, null where a value is not allowed;
            None for a type of which no value is.
        required: refuse absent values too.
    """

    allowed: str
    dtype: pl.DataType
    convert: Callable[[pl.Series], pl.Series | None]
    required: bool = False


def typed_series(series: pl.Series, kind: Kind, origin: Origin) -> pl.Series:
    """Return a column of one type, such as parquet has, as a kind's type; absent values are null.

    Raises:
        DatasetError: naming the first row that holds anything else, and what is allowed.
    """
    typed, bad = _convert(series, kind)
    if kind.required:
        bad = typed.is_null()
    if rows := bad.arg_true().to_list():
        _refuse(series.name, series[rows[0]], rows, kind, origin)
    return typed.alias(series.name)


def typed_values(name: str, values: Sequence[Any], kind: Kind, origin: Origin) -> pl.Series:
    """Return a column of JSON values, whose types may differ by row, as :func:`typed_series` does.

    Raises:
        DatasetError: naming the first row that holds anything else, and what is allowed.
    """
    parts = series_by_type(name, values)
    if len(parts) == 1 and parts[0] is not None:
        return typed_series(parts[0], kind, origin)
    typed = pl.Series(name, [None] * len(values), dtype=kind.dtype)
    taken = pl.Series([value is None for value in values], dtype=pl.Boolean())
    for part in parts:
        if part is None:
            continue
        converted, bad = _convert(part, kind)
        typed = typed.zip_with(converted.is_null(), converted)
        taken |= part.is_not_null() & ~bad
    bad = typed.is_null() if kind.required else ~taken
    if rows := bad.arg_true().to_list():
        _refuse(name, values[rows[0]], rows, kind, origin)
    return typed


def _convert(series: pl.Series, kind: Kind) -> tuple[pl.Series, pl.Series]:
    """Return a typed column and where it holds null for a value that was given."""
    if series.dtype.is_float():
        series = series.fill_nan(None)
    elif isinstance(series.dtype, (pl.Categorical, pl.Enum)):
        series = series.cast(pl.String)
    typed = kind.convert(series)
    if typed is None:
        typed = pl.Series([None] * len(series), dtype=kind.dtype)
    if typed.null_count() == series.null_count():
        return typed, pl.repeat(False, len(series), eager=True)
    given = series.is_not_null()
    if series.dtype == pl.String:
        given &= series.str.strip_chars() != ""
    return typed, given & typed.is_null()


def _refuse(name: str, value: object, rows: list[int], kind: Kind, origin: Origin) -> None:
    given = value.to_list() if isinstance(value, pl.Series) else value
    shown = repr(given) if len(repr(given)) <= _SHOWN else f"{repr(given)[:_SHOWN]}..."
    such = f" ({len(rows)} such rows)" if len(rows) > 1 else ""
    raise DatasetError(f"{origin.at(rows[0] + 1)}: {name} {shown}{such}; {kind.allowed}.")
