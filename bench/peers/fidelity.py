"""How far each competitor's vectors are from the reference's: no speed is shown without it."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pintower.errors import InputError

from .competitors import REFERENCE, Competitor

__all__ = ["TEXTS", "compare", "cosine"]

logger = logging.getLogger("pintower.bench.peers")

TEXTS = 300
"""Held-out queries that are compared."""

LEAST_COSINE = 0.9
"""Of the mean; below it, two vectors were made by different weights rather than rounded."""


def compare(
    competitors: Sequence[Competitor], vectors: Mapping[str, NDArray[np.float64]]
) -> dict[str, dict[str, float]]:
    """Return the cosines to the reference of all that have its weights.

    Args:
        competitors: those with fewer layers have weights of their own and are left out.
        vectors: FP64 [N, D] of the same texts by name; holds the reference.

    Raises:
        InputError: if a width differs, so that weights must.
    """
    reference = vectors[REFERENCE]
    cosines = {}
    for competitor in competitors:
        name = competitor.name
        if competitor.group == "cut" or name not in vectors:
            continue
        if vectors[name].shape != reference.shape:
            raise InputError(
                f"{name} gives vectors of {vectors[name].shape[1]}, the reference of "
                f"{reference.shape[1]}: --encoder has to be the query encoder that was exported."
            )
        cosines[name] = cosine(vectors[name], reference)
        if cosines[name]["mean"] < LEAST_COSINE:
            logger.warning(
                "%s has a mean cosine of %.3f to %s: --encoder seems to hold other weights.",
                name, cosines[name]["mean"], REFERENCE,
            )  # fmt: skip
    return cosines


def cosine(vectors: NDArray[np.float64], reference: NDArray[np.float64]) -> dict[str, float]:
    """Compare vectors FP64 [N, D] with the reference's, row by row."""
    products = np.einsum("nd,nd->n", vectors, reference)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(reference, axis=1)
    values = products / np.maximum(lengths, 1e-12)
    return {"mean": float(values.mean()), "min": float(values.min()), "texts": len(values)}
