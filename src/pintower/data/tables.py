"""The tables every later stage reads: their files, columns and types.

The pins table has any number of feature vector columns (``List(Float32)``, one width each) beside
the columns named here. Missing text is ``""`` or ``[]``; a missing vector is null.
"""

from pathlib import Path

import polars as pl

from pintower.errors import DatasetError
from pintower.text.rendering import PIN_SOURCES

__all__ = [
    "DATASET",
    "IMPRESSIONS",
    "JUDGMENTS",
    "LEVELS",
    "LIST_COLUMNS",
    "MATCH_STATISTICS",
    "PINS",
    "QUERIES",
    "QUERY_LOG",
    "SCHEMAS",
    "SPLITS",
    "TEXT_COLUMNS",
    "empty",
    "read_table",
]

PINS = "pins"
JUDGMENTS = "judgments"
IMPRESSIONS = "impressions"
QUERY_LOG = "query_log"
QUERIES = "queries"
MATCH_STATISTICS = "match_stats"
DATASET = "dataset.json"

LEVELS = (1, 2, 3, 4, 5)
SPLITS = ("train", "validation", "test")

TEXT_COLUMNS = PIN_SOURCES
LIST_COLUMNS = ("board_titles", "engaged_queries")

SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    PINS: {
        "pin_id": pl.String(),
        "title": pl.String(),
        "description": pl.String(),
        "caption": pl.String(),
        "board_titles": pl.List(pl.String()),
        "engaged_queries": pl.List(pl.String()),
        "language": pl.String(),
        "country": pl.String(),
        "updated_at": pl.Datetime("us"),
    },
    JUDGMENTS: {
        "query": pl.String(),
        "pin_id": pl.String(),
        "level": pl.Int8(),
        "language": pl.String(),
        "country": pl.String(),
        "split": pl.String(),
    },
    IMPRESSIONS: {
        "query": pl.String(),
        "pin_id": pl.String(),
        "timestamp": pl.Int64(),
        "engagement": pl.String(),
    },
    QUERY_LOG: {"query": pl.String(), "timestamp": pl.Int64()},
    QUERIES: {"query": pl.String()},
}
"""Columns and types of each table; pins and queries may have feature vectors after these."""


def empty(table: str) -> pl.DataFrame:
    """Return a table without rows."""
    return pl.DataFrame(schema=SCHEMAS[table])


def read_table(folder: Path, table: str) -> pl.DataFrame:
    """Read one table from the data stage's folder.

    Raises:
        DatasetError: if the folder does not hold it.
    """
    path = folder / f"{table}.parquet"
    if not path.is_file():
        raise DatasetError(f"{path} does not exist; run the data stage first.")
    return pl.read_parquet(path, glob=False)
