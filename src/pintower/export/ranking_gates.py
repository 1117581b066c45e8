"""Gates on what users see: the ranking of judged pins, against the student in torch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from pintower.export.flips import count_flips
from pintower.export.reference import JudgedPairs
from pintower.gates import Gate, gate
from pintower.metrics.bootstrap import Resampling, bootstrap, mean_of_queries
from pintower.metrics.ranking import ndcg, per_query
from pintower.models.student import Student
from pintower.targets import Limits

__all__ = ["ranking_gates"]

_TOP = 8


def ranking_gates(
    student: Student, judged: JudgedPairs, embeddings: NDArray[np.float32], limits: Limits
) -> list[Gate]:
    """Rank judged pins by a graph's query embeddings and by torch's, all else the same.

    The loss of nDCG@20 is limited where the judgments can tell: where its interval is no wider than
    the limit. Its lower end is limited always, so a loss that is there beyond doubt never passes.

    Args:
        student: its scoring head scores, in fp32.
        judged: the pairs.
        embeddings: of their queries, by the graph, FP32 [Q, D].
        limits: of the target.
    """
    wanted = judged.scores(student, judged.queries)
    given = judged.scores(student, embeddings)
    group = judged.pairs.query
    before, after = (per_query(ndcg, group, judged.levels, scores) for scores in (wanted, given))
    resampling = Resampling()
    loss = bootstrap(
        lambda counts: 1 - (counts @ after) / (counts @ before), len(before), resampling
    )
    low, high = (np.nan if end is None else end for end in (loss.low, loss.high))
    value = np.nan if loss.value is None else loss.value
    told = (high - low) / 2 <= limits.ndcg_max_loss
    detail: dict[str, Any] = {
        "queries": len(before),
        "pairs": len(group),
        "low": low,
        "high": high,
        "confidence": resampling.confidence,
        "ndcg_torch": float(before.mean()),
        "ndcg_graph": float(after.mean()),
    }
    if not told:
        detail["without_limit"] = "too few judged queries: its interval is wider than the limit"
    orders = _orders(wanted, given, group, len(before))
    flips = bootstrap(
        lambda counts: (counts @ orders[:, 0]) / (counts @ orders[:, 1]), len(before), resampling
    )
    tau = mean_of_queries(orders[:, 2], resampling)
    return [
        gate("ranking.ndcg_loss_rel", value, limits.ndcg_max_loss if told else None, detail=detail),
        gate("ranking.ndcg_loss_rel_low", low, limits.ndcg_max_loss),
        gate(
            "ranking.top8_flips",
            np.nan if flips.value is None else flips.value,
            limits.top8_max_flips,
            detail={"low": flips.low, "high": flips.high, "pairs": int(orders[:, 1].sum())},
        ),
        gate(
            "ranking.kendall_tau",
            np.nan if tau.value is None else tau.value,
            better="higher",
            detail={"low": tau.low, "high": tau.high},
        ),
        gate("ranking.score_max_abs", float(np.abs(wanted - given).max())),
        gate("ranking.score_mean_abs", float(np.abs(wanted - given).mean())),
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
