"""The judgments, impressions and query log of a dataset folder: checked and typed."""

import logging

import numpy as np
import polars as pl

from pintower.data.checks import (
    check_ids,
    check_known_pins,
    check_queries,
    ignore_others,
    require,
    rows_where,
    with_missing,
)
from pintower.data.columns import KINDS
from pintower.data.origin import Origin, Rows
from pintower.data.splits import stated_splits
from pintower.data.tables import IMPRESSIONS, JUDGMENTS, QUERY_LOG, SCHEMAS, SPLITS
from pintower.errors import DatasetError

__all__ = ["clean_impressions", "clean_judgments", "clean_query_log"]

_log = logging.getLogger(__name__)

MOST_REQUESTS = 50_000_000
"""A query log of more requests than this is refused: its counts should be scaled down."""


def clean_judgments(rows: Rows, pins: pl.DataFrame) -> pl.DataFrame:
    """Return the judgments in their schema, one row for each query and pin.

    Several levels of one query and pin (several annotators) become their median, the higher one
    of two in the middle. ``split`` stays null where the user gave none.

    Raises:
        DatasetError: for anything the dataset folder's rules refuse.
    """
    origin = rows.origin
    table = _checked(rows, JUDGMENTS, ["query", "pin_id", "level"])
    table = table.with_columns(
        pl.col(name).replace("", None) for name in ("language", "country", "split")
    )
    split = pl.col("split")
    if wrong := rows_where(table, split.is_not_null() & ~split.is_in(SPLITS)):
        raise DatasetError(
            f"{origin.at(wrong[0])}: split {table['split'][wrong[0] - 1]!r}; allowed are "
            f"{', '.join(SPLITS)}, or nothing."
        )
    check_known_pins(table, pins, origin)
    stated_splits(table)
    pairs = table.group_by("query", "pin_id", maintain_order=True).agg(
        pl.col("level").median().add(0.5).floor().cast(pl.Int8),
        *(pl.col(name).drop_nulls().first() for name in ("language", "country", "split")),
    )
    if repeated := len(table) - len(pairs):
        _log.info("%s: %d rows repeat a query and pin; the median level counts", origin, repeated)
    return pairs.select(list(SCHEMAS[JUDGMENTS]))


def clean_impressions(rows: Rows, pins: pl.DataFrame) -> pl.DataFrame:
    """Return the impressions in their schema; engagement 0 and 1 mean none and click.

    Raises:
        DatasetError: for anything the dataset folder's rules refuse.
    """
    table = _checked(rows, IMPRESSIONS, ["query", "pin_id"])
    check_known_pins(table, pins, rows.origin)
    return table


def clean_query_log(rows: Rows, seed: int) -> pl.DataFrame:
    """Return the query log in arrival order, one row a request.

    With timestamps the order is theirs (rows without one last); with counts alone, a seeded
    shuffle; with neither, the file's.

    Raises:
        DatasetError: for anything the dataset folder's rules refuse.
    """
    table = _checked(rows, QUERY_LOG, ["query"])
    counted = "count" in rows.frame.columns
    if counted:
        counts = rows.frame["count"]
        _refuse_many(counts, rows.origin)
        table = table[np.repeat(np.arange(len(table)), counts.to_numpy())]
    if not table["timestamp"].is_null().all():
        return table.sort("timestamp", maintain_order=True, nulls_last=True)
    if counted:
        return table[np.random.default_rng(seed).permutation(len(table))]
    return table


def _checked(rows: Rows, table: str, required: list[str]) -> pl.DataFrame:
    """Return a table in its schema, queries and pin ids checked."""
    schema, origin = SCHEMAS[table], rows.origin
    require(rows.frame.columns, required, origin)
    ignore_others(rows.frame, {*KINDS[table]}, origin)
    frame = with_missing(rows.frame, schema)
    check_queries(frame, origin)
    if "pin_id" in schema:
        check_ids(frame, origin)
    return frame


def _refuse_many(counts: pl.Series, origin: Origin) -> None:
    total = counts.cast(pl.Float64).sum()
    if total > MOST_REQUESTS:
        raise DatasetError(
            f"{origin}: the counts add up to {total:.0f} requests; at most {MOST_REQUESTS} are "
            f"replayed. Divide the counts by a constant."
        )
