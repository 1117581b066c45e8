"""A data folder with a few of another's pairs, to measure on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pintower.data.tables import (
    DATASET,
    JUDGMENTS,
    MATCH_STATISTICS,
    PINS,
    QUERIES,
    QUERY_LOG,
    read_table,
)

__all__ = ["write_sample"]

_PAIRS = 256
"""Judged pairs, by whole queries."""
_SEED = 7


def write_sample(data: Path, folder: Path) -> bool:
    """Write a data folder with some pairs of another; return whether they are judged.

    Of the judgments that are not held out for the test, all that are taken are for training.

    Args:
        data: the data stage's folder.
        folder: to make.
    """
    folder.mkdir()
    pins, judged = read_table(data, PINS), read_table(data, JUDGMENTS)
    judged = judged.filter(pl.col("split") != "test")
    pairs = judged.sample(fraction=1, shuffle=True, seed=_SEED)
    counts = pairs.group_by("query", maintain_order=True).len()
    kept = counts.filter(pl.col("len").cum_sum() - pl.col("len") < _PAIRS)["query"]
    pairs = pairs.filter(pl.col("query").is_in(kept.to_list()))
    if pairs.is_empty():
        pairs = _unjudged(data, pins, judged.schema)
    pairs.with_columns(split=pl.lit("train")).write_parquet(folder / f"{JUDGMENTS}.parquet")
    used = pins.join(pairs.select("pin_id").unique(), on="pin_id", how="semi")
    used.write_parquet(folder / f"{PINS}.parquet")
    for name in (DATASET, MATCH_STATISTICS, f"{QUERIES}.parquet"):
        if (data / name).exists():
            (folder / name).symlink_to((data / name).resolve())
    return len(judged) > 0


def _unjudged(data: Path, pins: pl.DataFrame, schema: Mapping[str, Any]) -> pl.DataFrame:
    """Return some queries and pins as pairs, where nobody judged any."""
    queries = read_table(data, QUERY_LOG)["query"].unique(maintain_order=True).head(_PAIRS)
    ids = pins["pin_id"].sample(min(_PAIRS, len(pins)), seed=_SEED)
    count = min(len(queries), len(ids))
    pairs = pl.DataFrame({"query": queries[:count], "pin_id": ids[:count]})
    others = {name: kind for name, kind in schema.items() if name not in pairs.columns}
    return pairs.with_columns(
        pl.lit(1 if name == "level" else None, kind).alias(name) for name, kind in others.items()
    ).select(list(schema))
