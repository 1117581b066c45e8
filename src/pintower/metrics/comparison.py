"""Several models on the same judged pairs: each one's measures, and their differences."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.metrics.bootstrap import (
    Estimate,
    Resampling,
    bootstrap,
    mean_difference,
    mean_of_queries,
)
from pintower.metrics.calibration import calibration_error, reliability
from pintower.metrics.classification import (
    accuracy,
    confusions,
    macro_f1,
    one_class_reason,
    resampled_aurocs,
)
from pintower.metrics.ranking import (
    Measure,
    kendall_tau,
    ndcg,
    per_query,
    precision,
    scaled_dcg,
    spearman,
)

__all__ = [
    "FEWEST_TO_LEAD",
    "MAIN",
    "auroc_difference",
    "compare",
    "differences",
    "majority",
    "measures_for",
    "per_query_difference",
    "reliabilities",
    "verdict_of",
]

MAIN = "ndcg@20"
"""The measure that models are compared by."""

FEWEST_TO_LEAD = 6
"""Queries that show a model to be ahead, at least: of five, 2 of the 32 ways to sign their
differences are as extreme as one sign for all."""

_PER_QUERY: dict[str, Measure] = {
    MAIN: ndcg,
    "p@8": precision,
    "sdcg@25": scaled_dcg,
    "kendall_tau": kendall_tau,
    "spearman": spearman,
}
_OF_LEVELS = ("accuracy", "accuracy_within_one", "macro_f1")
"""Measures of predicted levels, which always saying one level has too."""

_GRADED = (*_PER_QUERY, *_OF_LEVELS, "auroc_3", "auroc_4", "auroc_5", "ece")


def measures_for(levels: Iterable[int]) -> tuple[str, ...]:
    """Return the measures that judgments of these levels can carry.

    Where judges said yes or no there are two levels only: a pin is relevant or not, which nDCG and
    the AUROC at the higher level measure. Accuracy over five levels and the precision at a middle
    one would measure the map from yes and no to levels.
    """
    distinct = set(levels)
    return _GRADED if len(distinct) > 2 else (MAIN, f"auroc_{max(distinct, default=5)}")


def compare(
    pairs: pl.DataFrame, models: Iterable[str], measures: Sequence[str], resampling: Resampling
) -> dict[str, Any]:
    """Return each model's measures on judged pairs, each with its interval over queries.

    Rank correlations are of score and level within a query; their mean is over the queries whose
    pins have more than one level.

    Args:
        pairs: ``query``, ``level``, for each model a column of scores with its name and, if it
            predicts levels, the columns ``<name>_level`` (the most probable one) and
            ``<name>_confidence`` (its probability).
        models: names.
        measures: see :func:`measures_for`.
        resampling: of the intervals.

    Returns:
        ``{"queries", "pairs", "measures", "models": {name: {measure: {"value", "low", "high"}}}}``;
        a measure that does not exist has the value None and a ``reason``.
    """
    judged = _Judged.of(pairs)
    measured = {name: _measure(pairs, name, measures, judged, resampling) for name in models}
    sizes = {"queries": judged.queries, "pairs": len(pairs), "measures": list(measures)}
    return {**sizes, "models": measured}


def differences(
    pairs: pl.DataFrame, compared: Iterable[tuple[str, str]], resampling: Resampling
) -> list[dict[str, Any]]:
    """Return differences in nDCG@20, paired by query.

    Args:
        pairs: as for :func:`compare`.
        compared: names, a model and what it is compared with.
        resampling: of the intervals.

    Returns:
        ``measure``, ``model``, ``baseline``, ``value``, ``low``, ``high`` and the ``verdict``, see
        :func:`verdict_of`, in the order of ``compared``.
    """
    judged = _Judged.of(pairs)
    each: dict[str, NDArray[np.float64]] = {}
    rows = []
    for model, baseline in compared:
        for name in (model, baseline):
            if name not in each:
                each[name] = judged.per_query(ndcg, pairs[name].to_numpy())
        found = mean_difference(each[model], each[baseline], resampling)
        verdict = verdict_of(found.low, found.high, judged.queries)
        names = {"measure": MAIN, "model": model, "baseline": baseline}
        rows.append({**names, **asdict(found), "verdict": verdict})
    return rows


def verdict_of(low: float | None, high: float | None, queries: int) -> str:
    """Return ``ahead``, ``behind`` or ``not told apart``.

    Args:
        low: lower end of the interval of a difference.
        high: upper end.
        queries: that it was measured on; fewer than six show no model to be ahead.
    """
    if high is not None and high < 0:
        return "behind"
    return "ahead" if (low or 0.0) > 0 and queries >= FEWEST_TO_LEAD else "not told apart"


def per_query_difference(pairs: pl.DataFrame, model: str, baseline: str) -> NDArray[np.float64]:
    """Return a model's nDCG@20 minus another's on each query, FP64 [Q]."""
    judged = _Judged.of(pairs)
    first, second = (judged.per_query(ndcg, pairs[name].to_numpy()) for name in (model, baseline))
    return first - second


def auroc_difference(
    pairs: pl.DataFrame, model: str, baseline: str, level: int, resampling: Resampling
) -> Estimate:
    """Return a model's AUROC at a level minus another's, on the same draws of queries.

    Args:
        pairs: as for :func:`compare`.
        model: name.
        baseline: name.
        level: from which on a pin is relevant.
        resampling: of the interval.
    """
    judged = _Judged.of(pairs)
    first, second = (
        partial(resampled_aurocs, judged.levels >= level, pairs[name].to_numpy(), judged.group)
        for name in (model, baseline)
    )
    return bootstrap(lambda counts: first(counts) - second(counts), judged.queries, resampling)


def majority(
    levels: NDArray[np.int64], training: NDArray[np.int64], measures: Iterable[str]
) -> dict[str, float] | None:
    """Return what always saying the commonest training level reaches; a model should beat it.

    Args:
        levels: INT64 [N], of the pairs measured on.
        training: INT64 [M], of the training judgments.
        measures: those of the models.

    Returns:
        ``level`` and those of the measures that predicted levels have; None where there is nothing
        to say.
    """
    measured = [name for name in measures if name in _OF_LEVELS]
    if not (len(levels) and len(training) and measured):
        return None
    level = int(np.bincount(training).argmax())
    said = np.full_like(levels, level)
    all_in_one = np.zeros_like(levels)
    values = {
        "accuracy": accuracy(levels, said),
        "accuracy_within_one": accuracy(levels, said, within=1),
        "macro_f1": float(macro_f1(confusions(levels, said, all_in_one, 1)[0])),
    }
    return {"level": level, **{name: values[name] for name in measured}}


def reliabilities(pairs: pl.DataFrame, models: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the bins of a reliability plot for each model that predicts levels.

    Args:
        pairs: as for :func:`compare`.
        models: names.

    Returns:
        ``{model: [{"pairs", "confidence", "accuracy"}]}``, the least confident bin first.
    """
    levels = pairs["level"].to_numpy()
    return {
        name: [asdict(found) for found in reliability(*_confidence(pairs, name, levels))]
        for name in models
        if f"{name}_confidence" in pairs.columns and len(pairs)
    }


@dataclass(frozen=True)
class _Judged:
    """What people said of N pairs of Q queries.

    Attributes:
        levels: INT64 [N].
        group: INT64 [N], each pair's query.
        queries: Q.
    """

    levels: NDArray[np.int64]
    group: NDArray[np.int64]
    queries: int

    @classmethod
    def of(cls, pairs: pl.DataFrame) -> "_Judged":
        distinct, group = np.unique(pairs["query"].to_numpy().astype(str), return_inverse=True)
        return cls(pairs["level"].to_numpy(), group.astype(np.int64), len(distinct))

    def per_query(self, measure: Measure, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return per_query(measure, self.group, self.levels, scores)


def _measure(
    pairs: pl.DataFrame,
    model: str,
    measures: Sequence[str],
    judged: _Judged,
    resampling: Resampling,
) -> dict[str, Any]:
    scores = pairs[model].to_numpy()
    values: dict[str, Any] = {}
    for measure in measures:
        if measure in _PER_QUERY:
            found = mean_of_queries(judged.per_query(_PER_QUERY[measure], scores), resampling)
            values[measure] = asdict(found)
            if found.value is None and judged.queries:
                values[measure]["reason"] = "no query has pins of more than one level"
        elif measure.startswith("auroc_"):
            level = int(measure.removeprefix("auroc_"))
            area = partial(resampled_aurocs, judged.levels >= level, scores, judged.group)
            values[measure] = asdict(bootstrap(area, judged.queries, resampling))
            if values[measure]["value"] is None:
                values[measure]["reason"] = one_class_reason(judged.levels, level)
        elif measure in _OF_LEVELS and f"{model}_level" in pairs.columns:
            predicted = pairs[f"{model}_level"].to_numpy()
            values[measure] = asdict(_of_levels(measure, predicted, judged, resampling))
        elif measure == "ece" and f"{model}_confidence" in pairs.columns:
            told = _confidence(pairs, model, judged.levels)
            found = calibration_error(*told, judged.group, judged.queries, resampling)
            values[measure] = asdict(found)
    return values


def _of_levels(
    measure: str, predicted: NDArray[np.int64], judged: _Judged, resampling: Resampling
) -> Estimate:
    if measure == "macro_f1":
        confusion = confusions(judged.levels, predicted, judged.group, judged.queries)
        return bootstrap(
            lambda counts: macro_f1(np.tensordot(counts, confusion, 1)), judged.queries, resampling
        )
    hits = np.abs(judged.levels - predicted) <= (measure == "accuracy_within_one")
    right, pairs = (np.bincount(judged.group, weights, judged.queries) for weights in (hits, None))
    return bootstrap(lambda counts: counts @ right / (counts @ pairs), judged.queries, resampling)


def _confidence(
    pairs: pl.DataFrame, model: str, levels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    confidence = pairs[f"{model}_confidence"].to_numpy().astype(np.float64)
    return confidence, levels == pairs[f"{model}_level"].to_numpy()
