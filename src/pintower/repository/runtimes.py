"""Gates between two ONNX Runtimes: the one the graphs were measured in, and the one that serves."""

from collections.abc import Sequence

import numpy as np

from pintower.gates import Gate, gate
from pintower.repository.offline import OfflineRelease
from pintower.repository.sample import Sample

__all__ = ["runtime_gates"]


def runtime_gates(
    served: OfflineRelease,
    measured: OfflineRelease,
    samples: Sequence[Sample],
    *,
    allowed: float | None,
    min_cosine: float,
) -> list[Gate]:
    """Compare one release in two ONNX Runtimes.

    In fp32 they agree to rounding. A dynamic int8 graph rounds its activations to 256 steps, and
    one that falls on the other side of a step moves the embedding; there the figure says how far
    what the export stage measured can be from what is served.

    Args:
        served: in the server environment's runtime.
        measured: in this process's.
        samples: real queries and candidates.
        allowed: for the largest absolute difference of a relevance score; None only tells it.
        min_cosine: allowed for the worst query's embedding.
    """
    scores, cosines, flips, pairs = [0.0], [1.0], 0, 0
    for sample in samples:
        query = sample.query.encode("utf-8", "replace")
        pin_ids = [pin_id.encode() for pin_id in sample.pin_ids]
        ours, theirs = served.score(query, pin_ids).score, measured.score(query, pin_ids).score
        scores.append(float(np.abs(ours - theirs).max(initial=0)))
        cosines.append(float((served.embed(query) * measured.embed(query)).sum()))
        order = np.sign(ours[:, None] - ours) * np.sign(theirs[:, None] - theirs)
        flips += int((order < 0).sum()) // 2
        pairs += len(ours) * (len(ours) - 1) // 2
    detail = {"served": served.runtime, "measured": measured.runtime}
    return [
        gate("runtimes_agree", float(np.max(scores)), allowed, detail=detail),
        gate(
            "runtimes_min_cosine",
            float(np.min(cosines)),
            min_cosine,
            better="higher",
            detail=detail,
        ),
        gate("runtimes_flips", flips, detail={**detail, "pairs_of_pins": pairs}),
    ]
