"""Judged pairs with embeddings made up by a seed."""

import numpy as np
from numpy.typing import NDArray

from pintower.models.adoption.evidence import Evidence
from pintower.text.match_features import FEATURES

WIDTH = 16


def make_evidence(
    *, queries: int = 40, each: int = 12, match_weight: float = 0.0, seed: int = 0
) -> Evidence:
    """Levels that follow from the similarity and, by its weight, from the first match feature."""
    random = np.random.default_rng(seed)
    query = np.repeat(np.arange(queries), each)
    pin = random.integers(60, size=len(query))
    evidence = Evidence(
        texts=[f"query {number}" for number in range(queries)],
        queries=unit(random.standard_normal((queries, WIDTH))),
        pins=unit(random.standard_normal((60, WIDTH))),
        query=query,
        pin=pin,
        matches=random.standard_normal((len(query), len(FEATURES))).astype(np.float32),
        levels=np.ones(len(query), dtype=np.int64),
    )
    evidence.matches[:, 1] = 3.0  # says nothing: the same for every pair
    score = 4 * evidence.similarity + match_weight * evidence.matches[:, 0]
    noisy = score + 0.3 * random.standard_normal(len(query))
    levels = 1 + np.searchsorted(np.quantile(noisy, [0.4, 0.6, 0.75, 0.9]), noisy)
    evidence.levels[:] = levels
    return evidence


def unit(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows of length one."""
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
