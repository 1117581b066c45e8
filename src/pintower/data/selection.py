"""Rows of the data stage's tables, by what they are read for."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from pintower.data.splits import normal_forms
from pintower.data.tables import (
    IMPRESSIONS,
    JUDGMENTS,
    PINS,
    QUERIES,
    QUERY_LOG,
    SCHEMAS,
    TEXT_COLUMNS,
    read_table,
)

__all__ = ["Source"]

_PAIR = ["query", "pin_id"]


@dataclass(frozen=True)
class Source:
    """The folders that rows are taken from.

    Attributes:
        data: the data stage's folder.
        labels: the labels stage's folder, where there is one.
    """

    data: Path
    labels: Path | None = None

    @cached_property
    def judgments(self) -> pl.DataFrame:
        """The judgments."""
        return read_table(self.data, JUDGMENTS)

    @cached_property
    def labelled(self) -> pl.DataFrame:
        """Labelled pairs, ``query`` and ``pin_id``; none without labels."""
        shards = sorted(self.labels.glob("labels-*.parquet")) if self.labels else []
        if not shards:
            return pl.DataFrame(schema=dict.fromkeys(_PAIR, pl.String))
        return pl.concat([pl.read_parquet(shard, columns=_PAIR, glob=False) for shard in shards])

    @property
    def trained_on(self) -> pl.DataFrame:
        """Judged pairs that are not held out for the test, then labelled ones."""
        return pl.concat([self.split("train", "validation").select(_PAIR), self.labelled])

    @property
    def shown(self) -> pl.DataFrame:
        """Distinct impressions of pins that are there: ``query`` and ``pin_id``."""
        pairs = pl.scan_parquet(self.data / f"{IMPRESSIONS}.parquet", glob=False).select(_PAIR)
        there = pl.scan_parquet(self.data / f"{PINS}.parquet", glob=False).select("pin_id")
        pairs = pairs.unique(maintain_order=True)
        return pairs.join(there, on="pin_id", how="semi", maintain_order="left").collect()

    @property
    def asked(self) -> pl.DataFrame:
        """Distinct logged queries, in the order of their first request."""
        return read_table(self.data, QUERY_LOG).select("query").unique(maintain_order=True)

    def split(self, *names: str) -> pl.DataFrame:
        """Return the judgments of some splits."""
        return self.judgments.filter(pl.col("split").is_in(names))

    @property
    def compared(self) -> pl.DataFrame:
        """The judgments that rankings are compared on: those of the test split, if it has any."""
        held_out = self.split("test")
        return self.judgments if held_out.is_empty() else held_out

    def pins(self, of: pl.DataFrame, *, vectors: bool) -> pl.DataFrame:
        """Return texts, and feature vectors if wanted, of the pins of some pairs, by their id."""
        table = pl.scan_parquet(self.data / f"{PINS}.parquet", glob=False)
        columns = ["pin_id", *TEXT_COLUMNS]
        if vectors:
            names = table.collect_schema().names()
            columns += [name for name in names if name not in SCHEMAS[PINS]]
        ids = of.lazy().select("pin_id").unique()
        return table.select(columns).join(ids, on="pin_id", how="semi").sort("pin_id").collect()

    def vectors(self, of: pl.DataFrame) -> pl.DataFrame | None:
        """Return the rows of the queries table for the queries of some pairs; None without one."""
        if not (self.data / f"{QUERIES}.parquet").is_file():
            return None
        table = read_table(self.data, QUERIES)
        asked = set(normal_forms(of["query"].unique()).values())
        forms = normal_forms(table["query"])
        return table.filter([forms[query] in asked for query in table["query"]])
