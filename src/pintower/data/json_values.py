"""Values of JSON as typed series: one series for each type that a column's values have."""

from collections.abc import Sequence
from itertools import chain
from math import isnan
from typing import Any

import polars as pl

__all__ = ["number_lists", "series_by_type"]

_SCALARS = {str: pl.String(), bool: pl.Boolean(), float: pl.Float64()}
_LONG = pl.Int128()


def series_by_type(name: str, values: Sequence[Any]) -> list[pl.Series | None]:
    """Return a series [N] for each type, null where a value has another one.

    Lists are of text or of numbers. Objects, other lists and whole numbers of more than 128 bits
    are in no series: one None stands for them.
    """
    types = _types(values)
    parts: list[pl.Series | None] = []
    for kind in types:
        part: Sequence[Any] = values
        if len(types) > 1:
            part = [value if type(value) is kind else None for value in values]
        if kind in _SCALARS:
            parts.append(pl.Series(name, part, dtype=_SCALARS[kind]))
        elif kind is int:
            parts += _whole_numbers(name, part)
        elif kind is list:
            parts += _lists(name, part)
        else:
            parts.append(None)
    return parts or [pl.Series(name, values, dtype=pl.Null())]


def number_lists(name: str, values: Sequence[Any]) -> tuple[pl.Series, int | None]:
    """Return lists of numbers as a series, null where there is none, and the first other value.

    The latter is its place in ``values``, or None if all are lists of numbers, null or NaN.
    """
    lists: list[list[Any] | None] = []
    odd: int | None = None
    for place, value in enumerate(values):
        good = type(value) is list and _is_numbers(_types(value))
        lists.append(value if good else None)
        absent = value is None or (type(value) is float and isnan(value))
        if not (good or absent) and odd is None:
            odd = place
    return _numbers(name, lists), odd


def _types(values: Any) -> set[type]:
    return set(map(type, values)) - {type(None)}


def _is_numbers(types: set[type]) -> bool:
    return types <= {int, float}


def _whole_numbers(name: str, values: Sequence[int | None]) -> list[pl.Series | None]:
    if all(_fits(value, 64) for value in values):
        return [pl.Series(name, values, dtype=pl.Int64())]
    fitting = [value if _fits(value, 128) else None for value in values]
    rest = [] if all(_fits(value, 128) for value in values) else [None]
    return [pl.Series(name, fitting, dtype=_LONG), *rest]


def _lists(name: str, values: Sequence[list[Any] | None]) -> list[pl.Series | None]:
    types = _types(chain.from_iterable(value for value in values if value is not None))
    if types <= {str}:
        return [pl.Series(name, values, dtype=pl.List(pl.String()))]
    if _is_numbers(types):
        return [_numbers(name, values)]
    texts = [None if value is None else _texts(value) for value in values]
    numbers = [v if v is not None and _is_numbers(_types(v)) else None for v in values]
    return [
        pl.Series(name, texts, dtype=pl.List(pl.String())),
        _numbers(name, [n if t is None else None for n, t in zip(numbers, texts, strict=True)]),
        None,
    ]


def _texts(items: list[Any]) -> list[str | None] | None:
    """Return a list of text, NaN as null; None for any other list."""
    held = [None if type(item) is float and isnan(item) else item for item in items]
    return held if _types(held) <= {str} else None


def _numbers(name: str, values: Sequence[list[Any] | None]) -> pl.Series:
    given = [value for value in values if value is not None]
    types = _types(chain.from_iterable(given))
    if types <= {float}:
        return pl.Series(name, values, dtype=pl.List(pl.Float64()))
    if types == {int} and all(_fits(item, 64) for item in chain.from_iterable(given)):
        return pl.Series(name, values, dtype=pl.List(pl.Int64()))
    lists = [None if value is None else [_fraction(item) for item in value] for value in values]
    return pl.Series(name, lists, dtype=pl.List(pl.Float64()))


def _fits(value: int | None, bits: int) -> bool:
    return value is None or -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)


def _fraction(value: float | None) -> float | None:
    try:
        return None if value is None else float(value)
    except OverflowError:
        return float("inf")
