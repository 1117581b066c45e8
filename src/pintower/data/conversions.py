"""Raw columns of one type as the types that tables have; null where a value is not allowed.

None stands for a column of whose type no value is allowed. Every function takes a series [N] of any
type, NaN already null and categories already text, and gives one of N rows.
"""

import json
import math
from datetime import UTC, datetime
from typing import Any

import polars as pl

from pintower.data.json_values import series_by_type
from pintower.data.tables import LEVELS

__all__ = [
    "as_amount",
    "as_count",
    "as_engagement",
    "as_identifier",
    "as_level",
    "as_text",
    "as_texts",
    "as_time",
    "as_vector",
    "json_list",
]

_LATEST = 253_402_300_799
"""The last second of the year 9999; later ones are milliseconds taken for seconds."""

_ENGAGEMENT = {
    "0": "none", "0.0": "none", "false": "none", "1": "click", "1.0": "click", "true": "click",
}  # fmt: skip
_NUMERIC = r"^[+-]?[\d.]+$"


def as_text(series: pl.Series) -> pl.Series | None:
    """Return text as it is."""
    return series if series.dtype == pl.String else None


def as_identifier(series: pl.Series) -> pl.Series | None:
    """Return text as it is and whole numbers as their digits."""
    return series.cast(pl.String) if series.dtype.is_integer() else as_text(series)


def _number(series: pl.Series) -> pl.Series | None:
    if series.dtype == pl.String:
        return series.str.strip_chars().cast(pl.Float64, strict=False)
    return series.cast(pl.Float64, strict=False) if series.dtype.is_numeric() else None


def as_amount(series: pl.Series) -> pl.Series | None:
    """Return FP64 numbers from 0, written as text or not."""
    numbers = _number(series)
    return None if numbers is None else numbers.set(~(numbers.is_finite() & (numbers >= 0)), None)


def as_level(series: pl.Series) -> pl.Series | None:
    """Return INT8 levels, written as text or not."""
    numbers = _number(series)
    if numbers is None:
        return None
    allowed = numbers.is_in([float(level) for level in LEVELS])
    return numbers.set(~allowed, None).cast(pl.Int8)


def as_count(series: pl.Series) -> pl.Series | None:
    """Return INT64 whole numbers from 1, written as text or not."""
    numbers = _number(series)
    if numbers is None:
        return None
    whole = numbers.is_finite() & (numbers >= 1) & (numbers.floor() == numbers)
    return numbers.set(~whole | (numbers >= 2**63), None).cast(pl.Int64)


def as_time(series: pl.Series) -> pl.Series | None:
    """Return INT64 seconds since the epoch (UTC)."""
    kind = series.dtype
    if isinstance(kind, pl.Datetime) or kind == pl.Date:
        return series.cast(pl.Datetime("us", getattr(kind, "time_zone", None))).dt.epoch("s")
    if kind == pl.String:
        values = [_seconds(text) if text else None for text in series.str.strip_chars()]
        return pl.Series(values, dtype=pl.Int64())
    if kind.is_numeric():
        inside = series.is_between(-_LATEST, _LATEST).fill_null(False)
        return series.set(~inside, None).cast(pl.Float64).floor().cast(pl.Int64)
    return None


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


def as_engagement(series: pl.Series) -> pl.Series | None:
    """Return lower-case words; 0 and false are none, 1 and true click, other numbers nothing."""
    kind = series.dtype
    words = series.cast(pl.String) if kind.is_integer() or kind == pl.Boolean else as_text(series)
    if words is None:
        return None
    named = words.str.strip_chars().str.to_lowercase().replace({"": None, **_ENGAGEMENT})
    return named.set(named.str.contains(_NUMERIC).fill_null(False), None)


def as_texts(series: pl.Series) -> pl.Series | None:
    """Return lists of text without null, NaN or blank items; a list may be written as JSON."""
    if series.dtype == pl.String:
        return _first([as_texts(part) for part in _json_lists(series) if part is not None])
    if not isinstance(series.dtype, (pl.List, pl.Array)):
        return None
    inner: Any = series.dtype.inner
    item, texts = pl.element(), pl.List(pl.String())
    if inner == pl.String or isinstance(inner, (pl.Categorical, pl.Enum)):
        blank = item.str.strip_chars() == ""
        return series.cast(texts).list.eval(item.filter(~blank))
    lists = series.cast(pl.List(inner))
    given = item.is_not_nan() if inner.is_float() else item.is_not_null()
    empty = ~lists.list.eval(given.fill_null(False)).list.any()
    return pl.DataFrame([empty.alias("empty")]).select(
        pl.when("empty").then(pl.lit([], dtype=texts))
    )[:, 0]


def as_vector(series: pl.Series) -> pl.Series | None:
    """Return lists of FP32 numbers, NaN among them; a list may be written as JSON."""
    if series.dtype == pl.String:
        return _first([as_vector(part) for part in _json_lists(series) if part is not None])
    if not isinstance(series.dtype, (pl.List, pl.Array)):
        return None
    inner: Any = series.dtype.inner
    numeric = inner == pl.Null or inner.is_numeric()
    return series.cast(pl.List(pl.Float32()), strict=False) if numeric else None


def _first(parts: list[pl.Series | None]) -> pl.Series | None:
    """Return the value of whichever part has one, row by row."""
    taken = [part for part in parts if part is not None]
    return pl.select(pl.coalesce(taken)).to_series() if taken else None


def _json_lists(series: pl.Series) -> list[pl.Series | None]:
    """Return the JSON lists that texts write out, as a cell of a .csv does."""
    return series_by_type(series.name, [json_list(text) for text in series])


def json_list(text: str | None) -> list[Any] | None:
    """Return the list that a text writes out as JSON; None for any other text."""
    try:
        value = json.loads(text) if text and text.lstrip().startswith("[") else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None
