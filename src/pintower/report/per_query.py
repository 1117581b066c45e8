"""How well each model orders the judged pins of each query."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from pintower.metrics.ranking import ndcg, per_query

__all__ = ["Standing", "quality_by_query", "standing"]

_EVEN = 0.005
"""Two nDCG@20 of one query that are closer than this count as even."""

Standing = tuple[int, int, int]
"""Queries on which a model is ahead of another, even with it, behind it."""


def quality_by_query(predictions: pl.DataFrame, models: Sequence[str]) -> pl.DataFrame:
    """Return nDCG@20 of each query and model.

    Args:
        predictions: ``query``, ``level`` and a column of scores for each model.
        models: names.

    Returns:
        ``query``, ``pairs``, ``levels`` (how many different ones) and a column for each model,
        sorted by query.
    """
    if predictions.is_empty():
        numbers = dict.fromkeys(("pairs", "levels"), pl.UInt32)
        return pl.DataFrame(
            schema={"query": pl.String, **numbers, **dict.fromkeys(models, pl.Float64)}
        )
    by_query = (
        predictions.group_by("query")
        .agg(pl.len().alias("pairs"), pl.col("level").n_unique().alias("levels"))
        .sort("query")
    )
    numbered = by_query.select("query").with_row_index("group")
    group = predictions.join(numbered, on="query", maintain_order="left")["group"]
    level = predictions["level"].to_numpy()
    return by_query.with_columns(
        pl.Series(
            name,
            per_query(ndcg, group.to_numpy().astype(np.int64), level, predictions[name].to_numpy()),
        )
        for name in models
    )


def standing(by_query: pl.DataFrame, model: str, baseline: str) -> Standing:
    """Return on how many queries a model is ahead of a baseline, even with it, behind it."""
    difference = by_query[model] - by_query[baseline]
    ahead, behind = int((difference > _EVEN).sum()), int((difference < -_EVEN).sum())
    return ahead, len(by_query) - ahead - behind, behind
