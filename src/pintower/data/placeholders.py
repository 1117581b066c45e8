"""Texts that say nothing but what tools write where a value is missing: "nan", "None", "null".

They are text, since a pin may be of such bread and a query may ask for it. Where they stand for a
missing value they would be embedded and found, so that they are told.
"""

import logging
from collections import Counter
from collections.abc import Collection

import polars as pl

from pintower.data.origin import Rows

__all__ = ["count_placeholders", "tell_placeholders", "told"]

_log = logging.getLogger(__name__)

_WORDS = ["nan", "NaN", "None", "null", "NULL", "<NA>", "NaT", "\\N"]
"""Of pandas, Python, JSON, SQL and Hive."""

_LONGEST = max(map(len, _WORDS))


def told(rows: Rows, columns: Collection[str]) -> Rows:
    """Return the rows of a file, after a warning of such texts in some of their columns."""
    tell_placeholders(count_placeholders(rows.frame, columns), str(rows.origin))
    return rows


def count_placeholders(frame: pl.DataFrame, columns: Collection[str]) -> Counter[str]:
    """Count such texts in the columns that hold text, by column."""
    found: Counter[str] = Counter()
    for name in columns:
        if frame.schema.get(name) == pl.String:
            texts = frame[name]
            short = texts.filter(texts.str.len_bytes() <= _LONGEST)
            found[name] = int(short.is_in(_WORDS).sum())
    return found


def tell_placeholders(found: Counter[str], place: str) -> None:
    """Warn of such texts, which were counted by column."""
    for column, count in found.items():
        if count:
            _log.warning(
                "%s: %s is nan, None, null or the like %d times. That counts as text; where it "
                "stands for a missing value, leave the value out",
                place, column, count,
            )  # fmt: skip
