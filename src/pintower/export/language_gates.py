"""Gates by language: what a graph does to the language that it treats worst.

The mean over all queries hides a language that few of them are in.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.export.judged import LEAST_QUERIES, JudgedPairs
from pintower.export.ndcg_loss import NdcgLoss, measure_loss
from pintower.gates import Gate, gate
from pintower.metrics.bootstrap import Resampling
from pintower.metrics.ranking import ndcg, per_query
from pintower.targets import Limits

__all__ = ["language_cosine_gates", "language_ranking_gates"]

_MOST_DRAWS = 10
"""Times as many draws as for one interval, at most."""

_TOGETHER = "others together"
"""Languages with too few queries each."""

_DIGITS = 6


def language_ranking_gates(
    name: str,
    judged: JudgedPairs,
    wanted: NDArray[np.float32],
    given: NDArray[np.float32],
    limits: Limits,
) -> list[Gate]:
    """Measure the loss of nDCG@20 of each language, and hold the largest to its limit.

    The pairs of a language are ranked by themselves. Languages with fewer than
    :data:`pintower.export.judged.LEAST_QUERIES` queries are taken together; where even that is too
    few they are named. As for all queries together, a loss is limited where its interval is no
    wider than the limit, and the interval's lower end always. The intervals of L languages have
    1 - (1 - 0.95) / L confidence, so that the worst of many fails by chance no more often than one
    (Bonferroni).

    Args:
        name: of the gates, before their dot.
        judged: N pairs.
        wanted: their scores in torch, FP32 [N].
        given: with one tower's embeddings from the graph, all else the same, FP32 [N].
        limits: of the target; without one by language the losses are told only.

    Returns:
        None where the judgments are not of several languages.
    """
    if judged.languages is None:
        return []
    values, left_out = _by_language(judged, judged.languages, wanted, given)
    loss, low = (f"{name}.language_ndcg_loss_rel{end}" for end in ("", "_low"))
    if not values:
        reason = f"no language has {LEAST_QUERIES} judged queries"
        return [gate(loss, math.nan, detail={"reason": reason, **left_out})]
    usual = Resampling()
    resampling = Resampling(
        resamples=usual.resamples * min(len(values), _MOST_DRAWS),
        confidence=1 - (1 - usual.confidence) / len(values),
    )
    losses = {language: measure_loss(*values[language], resampling) for language in sorted(values)}
    return _gates(loss, low, losses, limits.language_ndcg_max_loss, left_out)


def language_cosine_gates(
    name: str, languages: Iterable[str], cosine: NDArray[np.float32], limits: Limits
) -> list[Gate]:
    """Hold the lowest of the languages' mean cosines with torch to the limit of a single text.

    Args:
        name: of the graph.
        languages: of N texts.
        cosine: of the graph's embedding of each with torch's, FP32 [N].
        limits: of the target.

    Returns:
        None where the texts are not of several languages.
    """
    spoken = np.array(list(languages), dtype=str)
    names = np.unique(spoken)
    if len(names) < 2:
        return []
    means = {str(one): float(cosine[spoken == one].mean()) for one in names}
    worst = _largest(means, lambda language: -means[language])
    detail = {
        "language": worst,
        "texts": int((spoken == worst).sum()),
        "cosines": _rounded(means),
    }
    limit = limits.encoder_min_cosine
    return [gate(f"{name}.language_cosine", means[worst], limit, better="higher", detail=detail)]


_Values = tuple[NDArray[np.float64], NDArray[np.float64]]
"""nDCG of each query in torch and with the graph, FP64 [Q] each."""


def _by_language(
    judged: JudgedPairs,
    languages: NDArray[np.str_],
    wanted: NDArray[np.float32],
    given: NDArray[np.float32],
) -> tuple[dict[str, _Values], dict[str, Any]]:
    """Return the nDCG of each language's queries, and what is said of those with too few."""
    values: dict[str, _Values] = {}
    few: dict[str, _Values] = {}
    for language in map(str, np.unique(languages)):
        found = _values(judged, np.flatnonzero(languages == language), wanted, given)
        (values if len(found[0]) >= LEAST_QUERIES else few)[language] = found
    if not few:
        return values, {}
    counts = {language: len(before) for language, (before, _) in few.items()}
    if sum(counts.values()) < LEAST_QUERIES:
        return values, {"unmeasured": counts}
    before, after = (np.concatenate(parts) for parts in zip(*few.values(), strict=True))
    return {**values, _TOGETHER: (before, after)}, {"together": counts}


def _values(
    judged: JudgedPairs,
    rows: NDArray[np.int64],
    wanted: NDArray[np.float32],
    given: NDArray[np.float32],
) -> _Values:
    """Return the nDCG of the queries that have pins of several levels in some rows of the pairs."""
    pairs = pl.DataFrame({"query": judged.pairs.query[rows], "level": judged.levels[rows]})
    rows = rows[pairs.select(pl.col("level").n_unique().over("query") > 1).to_series().to_numpy()]
    if not len(rows):
        return np.zeros(0), np.zeros(0)
    group = np.unique(judged.pairs.query[rows], return_inverse=True)[1]
    before, after = (
        per_query(ndcg, group, judged.levels[rows], scores[rows]) for scores in (wanted, given)
    )
    return before, after


def _gates(
    name: str,
    low_name: str,
    losses: Mapping[str, NdcgLoss],
    limit: float | None,
    left_out: Mapping[str, Any],
) -> list[Gate]:
    told = [one for one, loss in losses.items() if limit is not None and loss.is_told(limit)]
    untold = [one for one in losses if one not in told]
    worst = _largest(told or losses, lambda language: losses[language].value)
    detail: dict[str, Any] = {
        "language": worst,
        **losses[worst].detail,
        "losses": _rounded({language: loss.value for language, loss in losses.items()}),
        **left_out,
    }
    if limit is not None and untold:
        which = "; ".join(untold)
        detail["without_limit"] = (
            f"too few judged queries, their intervals are wider than the limit: {which}"
        )
    lowest = _largest(losses, lambda language: losses[language].low)
    sizes = {"language": lowest, "queries": losses[lowest].detail["queries"]}
    return [
        gate(name, losses[worst].value, limit if told else None, detail=detail),
        gate(low_name, losses[lowest].low, limit, detail=sizes),
    ]


def _largest(names: Iterable[str], value: Callable[[str], float]) -> str:
    """Return the name with the largest value; one that is NaN is worse than any."""
    return max(names, key=lambda name: math.inf if math.isnan(value(name)) else value(name))


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, _DIGITS) for name, value in values.items()}
