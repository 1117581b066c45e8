"""The few numbers that stand for the whole measurement."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from .competitors import REFERENCE, Competitor, served_name
from .exports import Export
from .rounds import Times, encoder_cell
from .summary import best_peer, ratio

__all__ = ["headline"]

logger = logging.getLogger("pintower.bench.peers")

CELL = encoder_cell(8)
RANKING_GATE = "ranking.ndcg_loss_rel"
BATCH_GATE = "query_encoder.batch_sensitivity"


def headline(
    competitors: Sequence[Competitor],
    times: Times,
    ours: Export,
    cut: Export | None,
    losses: Mapping[str, float],
) -> tuple[dict[str, float | None], dict[str, Any]]:
    """Return the flat headline, and what stands behind each ratio in it.

    Ours and the cut encoder are taken under their target's ONNX Runtime; the best peer under
    whichever is its best. Losses of nDCG come from a plan, by the SHA-256 of the graph: there both
    are held to the full student in torch. Without one ours is its own gate's. A number that was
    not measured is None, and a warning says so.
    """
    own = served_name(ours.name, ours.runtime)
    smaller = served_name(cut.name, cut.runtime) if cut else None
    peer = best_peer(competitors, times, CELL)
    ratios = {
        "speedup_vs_torch_8tok": _ratio(times, REFERENCE, own),
        "best_peer_over_ours_8tok": _ratio(times, peer, own),
        "speedup_cut_8tok": _ratio(times, REFERENCE, smaller),
    }
    values = {key: found["value"] if found else None for key, found in ratios.items()}
    values["ndcg_loss_rel"] = losses.get(ours.sha256, ours.gates.get(RANKING_GATE))
    values["ndcg_loss_cut_rel"] = losses.get(cut.sha256) if cut else None
    values["batch_sensitivity_cosine"] = ours.gates.get(BATCH_GATE)
    for key, value in values.items():
        if value is None:
            logger.warning("The headline's %s was not measured.", key)
    return values, {key: found for key, found in ratios.items() if found}


def _ratio(times: Times, slower: str | None, faster: str | None) -> dict[str, Any] | None:
    if slower is None or faster is None:
        return None
    if CELL not in times.get(slower, {}) or CELL not in times.get(faster, {}):
        return None
    return {"slower": slower, "faster": faster, **ratio(times[slower][CELL], times[faster][CELL])}
