"""Gates on what users see: the ranking of judged pins, against the student in torch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from pintower.export.flips import count_flips
from pintower.export.judged import JudgedPairs
from pintower.export.ndcg_loss import measure_loss
from pintower.gates import Gate, gate
from pintower.metrics.bootstrap import Resampling, bootstrap, mean_of_queries
from pintower.metrics.ranking import ndcg, per_query
from pintower.targets import Limits

__all__ = ["ranking_gates"]

_TOP = 8


def ranking_gates(
    name: str,
    judged: JudgedPairs,
    wanted: NDArray[np.float32],
    given: NDArray[np.float32],
    limits: Limits,
) -> list[Gate]:
    """Rank judged pins by the scores that a graph's embeddings give and by torch's.

    The loss of nDCG@20 is limited where the judgments can tell: where its interval is no wider than
    the limit. Its lower end is limited always, so a loss that is there beyond doubt never passes.

    Args:
        name: of the gates, before their dot.
        judged: N pairs.
        wanted: their scores in torch, FP32 [N].
        given: with one tower's embeddings from the graph, all else the same, FP32 [N].
        limits: of the target.
    """
    rows = np.flatnonzero(judged.drawn)
    group = np.unique(judged.pairs.query[rows], return_inverse=True)[1]
    levels, wanted, given = judged.levels[rows], wanted[rows], given[rows]
    before, after = (per_query(ndcg, group, levels, scores) for scores in (wanted, given))
    resampling = Resampling()
    loss = measure_loss(before, after, resampling)
    told = loss.is_told(limits.ndcg_max_loss)
    detail: dict[str, Any] = {**loss.detail, "pairs": len(group)}
    if not told:
        detail["without_limit"] = "too few judged queries: its interval is wider than the limit"
    orders = _orders(wanted, given, group, len(before))
    flips = bootstrap(
        lambda counts: (counts @ orders[:, 0]) / (counts @ orders[:, 1]), len(before), resampling
    )
    tau = mean_of_queries(orders[:, 2], resampling)
    return [
        gate(
            f"{name}.ndcg_loss_rel",
            loss.value,
            limits.ndcg_max_loss if told else None,
            detail=detail,
        ),
        gate(f"{name}.ndcg_loss_rel_low", loss.low, limits.ndcg_max_loss),
        gate(
            f"{name}.top8_flips",
            np.nan if flips.value is None else flips.value,
            limits.top8_max_flips,
            detail={"low": flips.low, "high": flips.high, "pairs": int(orders[:, 1].sum())},
        ),
        gate(
            f"{name}.kendall_tau",
            np.nan if tau.value is None else tau.value,
            better="higher",
            detail={"low": tau.low, "high": tau.high},
        ),
        gate(f"{name}.score_max_abs", float(np.abs(wanted - given).max())),
        gate(f"{name}.score_mean_abs", float(np.abs(wanted - given).mean())),
    ]


def _orders(
    wanted: NDArray[np.float32], given: NDArray[np.float32], group: NDArray[np.int64], queries: int
) -> NDArray[np.float64]:
    """Return for each query the swapped pairs in the top 8, all pairs there, and Kendall's tau."""
    rows = np.zeros((queries, 3))
    for query in range(queries):
        ours, theirs = wanted[group == query], given[group == query]
        tau = float(kendalltau(ours, theirs).statistic)
        rows[query] = *count_flips(ours, theirs, _TOP), 1.0 if np.isnan(tau) else tau
    return rows
