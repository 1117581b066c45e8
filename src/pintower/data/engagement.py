"""Engaged queries: the queries whose searchers clicked or saved a pin, best first.

They come from training queries only: a held-out query in a pin's text would tell the student the
answer it is tested on.
"""

from collections.abc import Collection

import polars as pl

from pintower.data.splits import normal_forms

__all__ = ["NO_ENGAGEMENT", "WEIGHTS", "derive_engaged_queries"]

NO_ENGAGEMENT = "none"

WEIGHTS = {"click": 1, "save": 3}
"""What one engagement counts; a kind not named here counts as a click."""


def derive_engaged_queries(
    pins: pl.DataFrame, impressions: pl.DataFrame, held_out: Collection[str], *, most: int = 10
) -> pl.DataFrame:
    """Return the pins with ``engaged_queries`` taken from the impressions.

    Args:
        pins: the pins table.
        impressions: the impressions table.
        held_out: normal forms of the queries that must not be used.
        most: queries kept for each pin.
    """
    engaged = impressions.filter(
        pl.col("engagement").is_not_null() & (pl.col("engagement") != NO_ENGAGEMENT)
    )
    forms = normal_forms(engaged["query"].unique(maintain_order=True))
    best = (
        engaged.with_columns(
            pl.col("query").replace_strict(forms, return_dtype=pl.String),
            pl.col("engagement")
            .replace_strict(WEIGHTS, default=1, return_dtype=pl.Int64)
            .alias("weight"),
        )
        .filter(~pl.col("query").is_in(list(held_out)) & (pl.col("query") != ""))
        .group_by("pin_id", "query")
        .agg(pl.col("weight").sum())
        .sort(["pin_id", "weight", "query"], descending=[False, True, False])
        .group_by("pin_id", maintain_order=True)
        .agg(pl.col("query").head(most).alias("engaged_queries"))
    )
    joined = pins.drop("engaged_queries").join(best, on="pin_id", how="left", maintain_order="left")
    filled = joined.with_columns(pl.col("engaged_queries").fill_null([]))
    return filled.select(pins.columns)
