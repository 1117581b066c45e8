"""Several models on the same judged pairs: each one's measures, differences, slices."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.metrics.bootstrap import Resampling, bootstrap, mean_difference, mean_of_queries
from pintower.metrics.classification import one_class_reason, weighted_aurocs
from pintower.metrics.ranking import ndcg, per_query, precision

__all__ = ["AUROC_LEVELS", "compare", "differences", "slices"]

AUROC_LEVELS = (3, 4, 5)


def compare(pairs: pl.DataFrame, models: Iterable[str], resampling: Resampling) -> dict[str, Any]:
    """Return each model's measures on judged pairs, each with its interval over queries.

    Args:
        pairs: ``query``, ``level``, for each model a column of scores with its name and, if it
            predicts levels, a column ``<name>_level``.
        models: names.
        resampling: of the intervals.

    Returns:
        ``{"queries", "pairs", "models": {name: {measure: {"value", "low", "high"}}}}``; a measure
        that does not exist has the value None and a ``reason``.
    """
    group, queries = _groups(pairs)
    measured = {name: _measure(pairs, name, group, queries, resampling) for name in models}
    return {"queries": queries, "pairs": len(pairs), "models": measured}


def differences(
    pairs: pl.DataFrame, compared: Iterable[tuple[str, str]], resampling: Resampling
) -> list[dict[str, Any]]:
    """Return paired differences in nDCG@20, ``{"model", "baseline", "value", "low", "high"}``."""
    group, _ = _groups(pairs)
    levels = pairs["level"].to_numpy()
    rows = []
    for model, baseline in compared:
        first, second = (
            per_query(ndcg, group, levels, pairs[name].to_numpy()) for name in (model, baseline)
        )
        estimate = mean_difference(first, second, resampling)
        names = {"measure": "ndcg@20", "model": model, "baseline": baseline}
        rows.append({**names, **asdict(estimate)})
    return rows


def slices(
    pairs: pl.DataFrame,
    by: Mapping[str, NDArray[np.str_]],
    models: Iterable[str],
    resampling: Resampling,
) -> list[dict[str, Any]]:
    """Return :func:`compare` on parts of the pairs.

    Args:
        pairs: as for :func:`compare`.
        by: for each way of slicing, the slice each pair is in, STR [N].
        models: names.
        resampling: of the intervals.
    """
    names = list(models)
    rows = []
    for kind, labels in by.items():
        for label in sorted(set(labels.tolist())):
            part = pairs.filter(pl.Series(labels == label))
            rows.append({"by": kind, "slice": label, **compare(part, names, resampling)})
    return rows


def _groups(pairs: pl.DataFrame) -> tuple[NDArray[np.int64], int]:
    distinct, group = np.unique(pairs["query"].to_numpy().astype(str), return_inverse=True)
    return group.astype(np.int64), len(distinct)


def _measure(
    pairs: pl.DataFrame,
    model: str,
    group: NDArray[np.int64],
    queries: int,
    resampling: Resampling,
) -> dict[str, Any]:
    levels, scores = pairs["level"].to_numpy(), pairs[model].to_numpy()
    values: dict[str, Any] = {
        "ndcg@20": asdict(mean_of_queries(per_query(ndcg, group, levels, scores), resampling)),
        "p@8": asdict(mean_of_queries(per_query(precision, group, levels, scores), resampling)),
    }
    if f"{model}_level" in pairs.columns:
        hits = levels == pairs[f"{model}_level"].to_numpy()
        right, all_pairs = np.bincount(group, hits, queries), np.bincount(group, minlength=queries)
        estimate = bootstrap(
            lambda counts: counts @ right / (counts @ all_pairs), queries, resampling
        )
        values["accuracy"] = asdict(estimate)
    for level in AUROC_LEVELS:
        area = partial(_aurocs, levels >= level, scores, group)
        values[f"auroc_{level}"] = asdict(bootstrap(area, queries, resampling))
        if values[f"auroc_{level}"]["value"] is None:
            values[f"auroc_{level}"]["reason"] = one_class_reason(levels, level)
    return values


def _aurocs(
    relevant: NDArray[np.bool_],
    scores: NDArray[np.float32],
    group: NDArray[np.int64],
    counts: NDArray[np.float64],
) -> NDArray[np.float64]:
    return weighted_aurocs(relevant, scores, counts[:, group])
