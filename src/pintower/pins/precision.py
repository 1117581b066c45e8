"""The precision of a snapshot: the first of a list whose scores stay close enough to fp32's."""

import logging
from collections.abc import Sequence

from pintower.gates import Gate, gate
from pintower.pins.scoring import ScoredSample
from pintower.snapshot import Precision
from pintower.snapshot.precision import reduce_rows, restore_rows

__all__ = ["choose_precision"]

logger = logging.getLogger(__name__)


def choose_precision(
    sample: ScoredSample, precisions: Sequence[Precision], limit: float
) -> tuple[Precision, list[Gate]]:
    """Return the first precision whose score error is within a limit, and its gate.

    Args:
        sample: what is scored.
        precisions: in the order they are wanted.
        limit: largest difference of a score, in levels.

    Returns:
        The precision, the last of the list where none is exact enough, and a gate, which then
        failed.
    """
    refused: dict[str, float] = {}
    for precision in precisions:
        kept = restore_rows(*reduce_rows(sample.embeddings, precision))
        error = float(sample.changes(kept).max(initial=0.0))
        if error <= limit:
            break
        refused[precision] = error
        logger.warning(
            "a snapshot in %s moves a score by %.3g levels, allowed are %.3g",
            precision, error, limit,
        )  # fmt: skip
    detail = {
        "precision": precision,
        "wanted": list(precisions),
        "refused": refused,
        "pins": len(sample.embeddings),
        "queries": len(sample.queries),
    }
    return precision, [gate("snapshot.score_max_abs", error, limit, unit="levels", detail=detail)]
