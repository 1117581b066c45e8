"""Gates on an encoder's graph: the same embeddings as in torch."""

import numpy as np
from numpy.typing import NDArray

from pintower.export.embedded import Embedded, cosines
from pintower.gates import Gate, gate
from pintower.targets import Limits

__all__ = ["encoder_gates"]

_SHOWN = 60

_NORM_MAX_ABS = 1e-3
"""Every form of a graph normalizes in floating point."""


def encoder_gates(embedded: Embedded, limits: Limits) -> list[Gate]:
    """Compare what an encoder's graph makes of N texts, each alone, with torch in fp32.

    An fp32 graph is held to the largest difference of any element, a quantized one to the smallest
    cosine of any text; either to the length of the vectors, which a cosine does not see and the
    scoring head does.

    Args:
        embedded: the texts.
        limits: of the target.
    """
    built, texts = embedded.built, embedded.texts
    alone, reference = embedded.alone, embedded.reference
    difference = np.abs(alone - reference)
    cosine = cosines(alone, reference)
    worst = int(np.argmin(np.nan_to_num(cosine, nan=-1.0)))
    detail = {"texts": len(texts), "precision": built.precision}
    exact = built.precision == "fp32"
    return [
        gate(
            f"{built.name}.max_abs",
            difference.max(),
            limits.encoder_max_abs if exact else None,
            detail={**detail, "mean_abs": float(difference.mean())},
        ),
        gate(
            f"{built.name}.min_cosine",
            cosine.min(),
            None if exact else limits.encoder_min_cosine,
            better="higher",
            detail={**detail, "mean_cosine": float(cosine.mean()), "worst": texts[worst][:_SHOWN]},
        ),
        gate(
            f"{built.name}.norm_max_abs",
            np.abs(_norms(alone) - _norms(reference)).max(),
            _NORM_MAX_ABS,
            detail=detail,
        ),
    ]


def _norms(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norms: NDArray[np.float32] = np.linalg.norm(rows, axis=1)
    return norms
