"""What each width of a student does on held-out queries."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from torch import Tensor

from pintower.metrics.bootstrap import Resampling, mean_difference, mean_of_queries
from pintower.models.tuning.choice import Judged, measure_calibrated

__all__ = ["compare_widths"]


def compare_widths(
    widths: Sequence[int], logits: Tensor, judged: Judged, seed: int
) -> list[dict[str, Any]]:
    """Return each width's nDCG@20 and log loss, as JSON, calibrated as its head will be.

    Args:
        widths: W of them, the full one first.
        logits: of the held-out pairs by each width's head, FP32 [W, H, 5].
        judged: the held-out pairs.
        seed: of the intervals.
    """
    resampling = Resampling(seed=seed)
    full, *_ = found = [
        measure_calibrated(str(width), 1.0, of_width, judged)
        for width, of_width in zip(widths, logits, strict=True)
    ]
    return [
        {
            "width": width,
            "ndcg@20": asdict(mean_of_queries(each.ndcg, resampling)),
            "log_loss": asdict(mean_of_queries(each.loss, resampling)),
            "over_full": asdict(mean_difference(each.ndcg, full.ndcg, resampling)),
        }
        for width, each in zip(widths, found, strict=True)
    ]
