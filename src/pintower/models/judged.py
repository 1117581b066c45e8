"""Training judgments that a small model is fitted to: how many there have to be, and are taken."""

import numpy as np
import polars as pl

from pintower.data.splits import normal_forms

__all__ = ["FEWEST_QUERIES", "draw_by_query", "why_too_few"]

FEWEST_QUERIES = 10
"""Judged queries from which on a model of the levels is fitted."""
_MOST_PAIRS = 30_000
"""Judged pairs looked at, by whole queries: more change little where no encoder is trained."""


def draw_by_query(judgments: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return the judgments of random queries, about 30,000 where there are more.

    Args:
        judgments: with ``query``.
        seed: for the draw.
    """
    counts = judgments["query"].value_counts(name="pairs").sort("query")
    order = np.random.default_rng(seed).permutation(len(counts))
    before = pl.col("pairs").cum_sum() - pl.col("pairs")
    drawn = counts[order].filter(before < _MOST_PAIRS)
    return judgments.filter(pl.col("query").is_in(drawn["query"].to_list()))


def why_too_few(judgments: pl.DataFrame) -> str:
    """Return why no model of the levels can be fitted to judgments; empty where one can.

    There have to be ten queries, writings of one query counted once, and two levels.

    Args:
        judgments: ``query`` and ``level``, of the training split.
    """
    queries = len(set(normal_forms(judgments["query"].unique()).values()))
    levels = judgments["level"].n_unique()
    if not queries:
        return "No judgments"
    if queries >= FEWEST_QUERIES and levels > 1:
        return ""
    return (
        f"{queries} judged training queries with {levels} levels, fewer than {FEWEST_QUERIES} "
        "with two"
    )
