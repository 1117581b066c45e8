"""The few numbers that stand for the offline embedding: how much faster, at no greater loss."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["headline"]

Row = Mapping[str, Any]


def headline(rows: Sequence[Row], ours: Collection[str]) -> dict[str, Any]:
    """Return ours against torch fp32, and against the peer it is least ahead of.

    A peer is held to the fastest of ours that ranks no worse than it, so that no speed bought by
    quality is set against one that is not. Where all of ours rank worse, the one that loses least
    stands for them.

    Args:
        rows: a row of figures for everybody.
        ours: which of the systems are pintower's.
    """
    mine = [row for row in rows if row["system"] in ours]
    best = max(mine, key=lambda row: row["ratio"])
    pairs = [(_rival(mine, row), row) for row in rows if row["system"] not in ours]
    rival, peer = min(pairs, key=lambda pair: _ahead(*pair))
    return {
        "speedup_vs_torch_fp32": best["ratio"],
        "ndcg_loss_rel": best["ndcg_loss_rel"],
        "fastest": best["system"],
        "best_peer": peer["system"],
        "best_peer_ratio": round(_ahead(rival, peer), 3),
        "best_peer_ndcg_loss_rel": peer["ndcg_loss_rel"],
        "against_best_peer": rival["system"],
        "against_best_peer_ndcg_loss_rel": rival["ndcg_loss_rel"],
    }


def _rival(mine: Sequence[Row], peer: Row) -> Row:
    """Return the fastest of ours that loses no more than a peer, within the standard error."""
    fair = [row for row in mine if _loss_beyond(row, peer) <= 0]
    if not fair:
        return min(mine, key=lambda row: row["ndcg_loss_rel"])
    return max(fair, key=lambda row: _ahead(row, peer))


def _loss_beyond(row: Row, peer: Row) -> float:
    """Return how much more a row loses than a peer, less the standard error of the difference."""
    error = math.hypot(row["standard_error"], peer["standard_error"])
    return float(row["ndcg_loss_rel"] - peer["ndcg_loss_rel"] - error)


def _ahead(row: Row, peer: Row) -> float:
    """Return the median of the rounds' ratios of two speeds."""
    ratios = [own / theirs for own, theirs in zip(row["ratios"], peer["ratios"], strict=True)]
    return float(np.median(ratios))
