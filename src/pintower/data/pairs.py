"""The judgments, impressions and query log of a dataset folder: checked and typed."""

import logging
from pathlib import Path

import numpy as np
import polars as pl

from pintower.data.checks import (
    as_numbers,
    as_seconds,
    as_text,
    check_ids,
    check_known_pins,
    check_queries,
    ignore_others,
    require,
    rows_where,
)
from pintower.data.splits import stated_splits
from pintower.data.tables import IMPRESSIONS, JUDGMENTS, LEVELS, QUERY_LOG, SCHEMAS, SPLITS
from pintower.errors import DatasetError

__all__ = ["clean_impressions", "clean_judgments", "clean_query_log"]

_log = logging.getLogger(__name__)

_ENGAGEMENT = {"": None, "0": "none", "1": "click"}

MOST_REQUESTS = 50_000_000
"""A query log of more requests than this is refused: its counts should be scaled down."""


def clean_judgments(frame: pl.DataFrame, path: Path, pins: pl.DataFrame) -> pl.DataFrame:
    """Return the judgments in their schema, one row for each query and pin.

    Several levels of one query and pin (several annotators) become their median, the higher one
    of two in the middle. ``split`` stays null where the user gave none.

    Raises:
        DatasetError: for anything the dataset folder's rules refuse.
    """
    require(frame, ["query", "pin_id", "level"], path)
    frame = ignore_others(frame, SCHEMAS[JUDGMENTS], path)
    level = _levels(frame, path)
    columns = [_text(frame, name, path) for name in SCHEMAS[JUDGMENTS] if name != "level"]
    table = pl.DataFrame([*columns, level]).select(list(SCHEMAS[JUDGMENTS]))
    check_queries(table, path)
    check_ids(table, path)
    table = table.with_columns(
        pl.col(name).replace("", None) for name in ("language", "country", "split")
    )
    split = pl.col("split")
    if rows := rows_where(table, split.is_not_null() & ~split.is_in(SPLITS)):
        raise DatasetError(
            f"{path}, row {rows[0]}: split {table['split'][rows[0] - 1]!r}; allowed are "
            f"{', '.join(SPLITS)}, or nothing."
        )
    check_known_pins(table, pins, path)
    stated_splits(table)
    pairs = table.group_by("query", "pin_id", maintain_order=True).agg(
        pl.col("level").median().add(0.5).floor().cast(pl.Int8),
        *(pl.col(name).drop_nulls().first() for name in ("language", "country", "split")),
    )
    if repeated := len(table) - len(pairs):
        _log.info("%s: %d rows repeat a query and pin; the median level counts", path, repeated)
    return pairs.select(list(SCHEMAS[JUDGMENTS]))


def clean_impressions(frame: pl.DataFrame, path: Path, pins: pl.DataFrame) -> pl.DataFrame:
    """Return the impressions in their schema; engagement 0 and 1 mean none and click.

    Raises:
        DatasetError: for anything the dataset folder's rules refuse.
    """
    require(frame, ["query", "pin_id"], path)
    frame = ignore_others(frame, SCHEMAS[IMPRESSIONS], path)
    columns = [_text(frame, name, path) for name in ("query", "pin_id", "engagement")]
    table = pl.DataFrame([*columns, _times(frame, path)])
    check_queries(table, path)
    check_ids(table, path)
    check_known_pins(table, pins, path)
    engagement = pl.col("engagement").str.strip_chars().str.to_lowercase().replace(_ENGAGEMENT)
    return table.with_columns(engagement).select(list(SCHEMAS[IMPRESSIONS]))


def clean_query_log(frame: pl.DataFrame, path: Path, seed: int) -> pl.DataFrame:
    """Return the query log in arrival order, one row a request.

    With timestamps the order is theirs (rows without one last); with counts alone, a seeded
    shuffle; with neither, the file's.

    Raises:
        DatasetError: for anything the dataset folder's rules refuse.
    """
    require(frame, ["query"], path)
    frame = ignore_others(frame, {*SCHEMAS[QUERY_LOG], "count"}, path)
    table = pl.DataFrame([_text(frame, "query", path), _times(frame, path)])
    check_queries(table, path)
    counted = "count" in frame.columns
    if counted:
        counts = _counts(frame, path)
        table = table[np.repeat(np.arange(len(table)), counts)]
    if not table["timestamp"].is_null().all():
        return table.sort("timestamp", maintain_order=True, nulls_last=True)
    if counted:
        return table[np.random.default_rng(seed).permutation(len(table))]
    return table


def _text(frame: pl.DataFrame, name: str, path: Path) -> pl.Series:
    if name not in frame.columns:
        return pl.Series(name, [None] * len(frame), dtype=pl.String())
    return as_text(frame, name, path)


def _times(frame: pl.DataFrame, path: Path) -> pl.Series:
    if "timestamp" not in frame.columns:
        return pl.Series("timestamp", [None] * len(frame), dtype=pl.Int64())
    return as_seconds(frame, "timestamp", path).alias("timestamp")


def _levels(frame: pl.DataFrame, path: Path) -> pl.Series:
    numbers = as_numbers(frame, "level")
    allowed = pl.col("level").is_in([float(level) for level in LEVELS]).fill_null(False)
    if rows := rows_where(pl.DataFrame(numbers), ~allowed):
        raise DatasetError(
            f"{path}, row {rows[0]}: level {frame['level'][rows[0] - 1]!r} ({len(rows)} such "
            f"rows); whole numbers from {LEVELS[0]} to {LEVELS[-1]} are allowed, "
            f"{LEVELS[-1]} the most relevant."
        )
    return numbers.cast(pl.Int8)


def _counts(frame: pl.DataFrame, path: Path) -> np.ndarray:
    numbers = as_numbers(frame, "count")
    whole = ((pl.col("count") >= 1) & (pl.col("count").floor() == pl.col("count"))).fill_null(False)
    if rows := rows_where(pl.DataFrame(numbers), ~whole):
        raise DatasetError(
            f"{path}, row {rows[0]}: count {frame['count'][rows[0] - 1]!r}; whole numbers from 1 "
            f"are allowed."
        )
    total = numbers.sum()
    if total > MOST_REQUESTS:
        raise DatasetError(
            f"{path}: the counts add up to {total:.0f} requests; at most {MOST_REQUESTS} are "
            f"replayed. Divide the counts by a constant."
        )
    return numbers.cast(pl.Int64).to_numpy()
