"""Several models on the same judged pairs: each one's measures, differences, slices."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.metrics.bootstrap import Resampling, bootstrap, mean_difference, mean_of_queries
from pintower.metrics.classification import one_class_reason, weighted_aurocs
from pintower.metrics.ranking import Measure, ndcg, per_query, precision

__all__ = ["compare", "differences", "measures_for", "slices"]

_GRADED = ("ndcg@20", "p@8", "accuracy", "auroc_3", "auroc_4", "auroc_5")
_PER_QUERY: dict[str, Measure] = {"ndcg@20": ndcg, "p@8": precision}


def measures_for(levels: Iterable[int]) -> tuple[str, ...]:
    """Return the measures that judgments of these levels can carry.

    Where judges said yes or no there are two levels only: a pin is relevant or not, which nDCG and
    the AUROC at the higher level measure. Accuracy over five levels and the precision at a middle
    one would measure the map from yes and no to levels.
    """
    distinct = set(levels)
    return _GRADED if len(distinct) > 2 else ("ndcg@20", f"auroc_{max(distinct, default=5)}")


def compare(
    pairs: pl.DataFrame, models: Iterable[str], measures: Sequence[str], resampling: Resampling
) -> dict[str, Any]:
    """Return each model's measures on judged pairs, each with its interval over queries.

    Args:
        pairs: ``query``, ``level``, for each model a column of scores with its name and, if it
            predicts levels, a column ``<name>_level``.
        models: names.
        measures: see :func:`measures_for`.
        resampling: of the intervals.

    Returns:
        ``{"queries", "pairs", "measures", "models": {name: {measure: {"value", "low", "high"}}}}``;
        a measure that does not exist has the value None and a ``reason``.
    """
    group, queries = _groups(pairs)
    measured = {
        name: _measure(pairs, name, measures, group, queries, resampling) for name in models
    }
    sizes = {"queries": queries, "pairs": len(pairs), "measures": list(measures)}
    return {**sizes, "models": measured}


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
    measures: Sequence[str],
    resampling: Resampling,
) -> list[dict[str, Any]]:
    """Return :func:`compare` on parts of the pairs.

    Args:
        pairs: as for :func:`compare`.
        by: for each way of slicing, the slice each pair is in, STR [N].
        models: names.
        measures: those of the whole, so that a slice is compared by the same ones.
        resampling: of the intervals.
    """
    names = list(models)
    rows = []
    for kind, labels in by.items():
        for label in sorted(set(labels.tolist())):
            part = pairs.filter(pl.Series(labels == label))
            rows.append({"by": kind, "slice": label, **compare(part, names, measures, resampling)})
    return rows


def _groups(pairs: pl.DataFrame) -> tuple[NDArray[np.int64], int]:
    distinct, group = np.unique(pairs["query"].to_numpy().astype(str), return_inverse=True)
    return group.astype(np.int64), len(distinct)


def _measure(
    pairs: pl.DataFrame,
    model: str,
    measures: Sequence[str],
    group: NDArray[np.int64],
    queries: int,
    resampling: Resampling,
) -> dict[str, Any]:
    levels, scores = pairs["level"].to_numpy(), pairs[model].to_numpy()
    values: dict[str, Any] = {}
    for measure in measures:
        if measure == "accuracy":
            if f"{model}_level" in pairs.columns:
                hits = levels == pairs[f"{model}_level"].to_numpy()
                values[measure] = _accuracy(hits, group, queries, resampling)
        elif measure in _PER_QUERY:
            each = per_query(_PER_QUERY[measure], group, levels, scores)
            values[measure] = asdict(mean_of_queries(each, resampling))
        else:
            level = int(measure.removeprefix("auroc_"))
            area = partial(_aurocs, levels >= level, scores, group)
            values[measure] = asdict(bootstrap(area, queries, resampling))
            if values[measure]["value"] is None:
                values[measure]["reason"] = one_class_reason(levels, level)
    return values


def _accuracy(
    hits: NDArray[np.bool_], group: NDArray[np.int64], queries: int, resampling: Resampling
) -> dict[str, Any]:
    right, pairs = np.bincount(group, hits, queries), np.bincount(group, minlength=queries)
    return asdict(bootstrap(lambda counts: counts @ right / (counts @ pairs), queries, resampling))


def _aurocs(
    relevant: NDArray[np.bool_],
    scores: NDArray[np.float32],
    group: NDArray[np.int64],
    counts: NDArray[np.float64],
) -> NDArray[np.float64]:
    return weighted_aurocs(relevant, scores, counts[:, group])
