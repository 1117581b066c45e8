"""Whether a teacher may label: it has to judge better than what needs no training."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from pintower.metrics.bootstrap import Resampling, mean_of_queries
from pintower.metrics.comparison import (
    FEWEST_TO_LEAD,
    MAIN,
    auroc_difference,
    compare,
    differences,
    measures_for,
    per_query_difference,
)

__all__ = ["Verdict", "judge_teacher"]

_ONE_ERROR = 0.68
"""Confidence of an interval of one standard error to each side."""


@dataclass(frozen=True)
class Verdict:
    """A teacher beside the baselines on held-out queries.

    Attributes:
        labels: whether it may label.
        reason: in words.
        told: as JSON: every model's figures, the best baseline, the differences from it.
    """

    labels: bool
    reason: str
    told: dict[str, Any]


def judge_teacher(predictions: pl.DataFrame, baselines: Iterable[str], *, seed: int) -> Verdict:
    """Compare a teacher with the best of the baselines.

    It may label where its nDCG@20 is above that of the best baseline by more than one standard
    error of the difference, paired by query, on six queries at least, and its AUROC at the highest
    level is not behind beyond the 95 % interval. Both the baseline and the teacher's weights are
    the best of several on the same queries.

    Args:
        predictions: ``query``, ``level`` and the columns of ``teacher``, ``start`` if it has one,
            and baselines.
        baselines: their names; those that have no column are left out.
        seed: of the intervals.
    """
    resampling = Resampling(seed=seed)
    there = [name for name in baselines if name in predictions.columns]
    others = [name for name in ("start",) if name in predictions.columns]
    measures = measures_for(predictions["level"])
    found = compare(predictions, ["teacher", *others, *there], measures, resampling)
    best = max(there, key=lambda name: found["models"][name][MAIN]["value"])
    (row,) = differences(predictions, [("teacher", best)], resampling)
    each = per_query_difference(predictions, "teacher", best)
    narrow = mean_of_queries(each, Resampling(confidence=_ONE_ERROR, seed=seed))
    level = int(max(name for name in measures if name.startswith("auroc_"))[-1])
    area = auroc_difference(predictions, "teacher", best, level, resampling)
    behind = area.high is not None and area.high < 0
    ahead = (narrow.low or 0.0) > 0 and found["queries"] >= FEWEST_TO_LEAD
    figures = found["models"]
    counted = f"{found['queries']} held-out {'query' if found['queries'] == 1 else 'queries'}"
    reason = (
        f"on {counted} its nDCG@20 is "
        f"{figures['teacher'][MAIN]['value']:.4f}, that of the best baseline "
        f"({best}) {figures[best][MAIN]['value']:.4f}: {row['value']:+.4f} "
        f"({row['low']:+.4f} to {row['high']:+.4f}; one standard error: {narrow.low:+.4f} to "
        f"{narrow.high:+.4f})"
    )
    if area.value is not None:
        reason += (
            f"; AUROC at level {level} {area.value:+.4f} ({area.low:+.4f} to {area.high:+.4f})"
        )
    if found["queries"] < FEWEST_TO_LEAD:
        reason += f"; fewer than {FEWEST_TO_LEAD} queries show nothing"
    areas = {"measure": f"auroc_{level}", "model": "teacher", "baseline": best, **asdict(area)}
    return Verdict(
        labels=ahead and not behind,
        reason=reason,
        told={"validation": found, "best_baseline": best, "differences": [row, areas]},
    )
