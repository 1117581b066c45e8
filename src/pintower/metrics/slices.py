"""Parts of the judged pairs: how the models do on each, and where one is behind another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.metrics.bootstrap import Resampling, mean_of_queries
from pintower.metrics.comparison import compare, per_query_difference
from pintower.metrics.significance import adjusted, paired_p_value

__all__ = ["slice_differences", "slices"]

_MEASURES = ("ndcg@20", "p@8", "accuracy")
"""Measures that a part of the pairs can carry."""


def slices(
    pairs: pl.DataFrame,
    by: Mapping[str, NDArray[np.str_]],
    models: Iterable[str],
    measures: Sequence[str],
    resampling: Resampling,
) -> list[dict[str, Any]]:
    """Return :func:`pintower.metrics.comparison.compare` on parts of the pairs.

    Args:
        pairs: as for ``compare``.
        by: for each way of slicing, the slice each pair is in, STR [N].
        models: names.
        measures: those of the whole; nDCG@20, P@8 and accuracy are measured on parts.
        resampling: of the intervals.

    Returns:
        A row for each slice, with ``by`` and ``slice``.
    """
    names, kept = list(models), [name for name in measures if name in _MEASURES]
    return [
        {"by": kind, "slice": label, **compare(part, names, kept, resampling)}
        for kind, label, part in _parts(pairs, by)
    ]


def slice_differences(
    pairs: pl.DataFrame,
    by: Mapping[str, NDArray[np.str_]],
    model: str,
    baseline: str,
    resampling: Resampling,
) -> list[dict[str, Any]]:
    """Return by how much a model is ahead of a baseline on each slice, in nDCG@20.

    Args:
        pairs: as for :func:`slices`.
        by: as for :func:`slices`; the rows come in the same order.
        model: name of a column of scores.
        baseline: likewise.
        resampling: of the intervals; ``1 - confidence`` is the level of significance.

    Returns:
        ``model``, ``baseline``, ``value``, ``low``, ``high``, ``p`` (of a randomization test over
        queries), ``p_adjusted`` (for the number of slices) and ``worse``: whether the model is
        behind and that is significant.
    """
    rows: list[dict[str, Any]] = []
    for _, _, part in _parts(pairs, by):
        each = per_query_difference(part, model, baseline)
        estimate = asdict(mean_of_queries(each, resampling))
        p_value = paired_p_value(each, resampling.seed)
        rows.append({"model": model, "baseline": baseline, **estimate, "p": p_value})
    for row, value in zip(rows, adjusted([row["p"] for row in rows]), strict=True):
        row["p_adjusted"] = value
        row["worse"] = row["value"] < 0 and value <= 1 - resampling.confidence
    return rows


def _parts(
    pairs: pl.DataFrame, by: Mapping[str, NDArray[np.str_]]
) -> Iterable[tuple[str, str, pl.DataFrame]]:
    for kind, labels in by.items():
        for label in sorted(set(labels.tolist())):
            yield kind, label, pairs.filter(pl.Series(labels == label))
