"""Batches in which the pairs of one query come several together."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["grouped_batches"]

_GROUP = 8
"""Pairs of one query that stay together in a batch."""


def grouped_batches(
    query: NDArray[np.int64], batch_size: int, random: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Return positions in batches in which a query's pairs come several together.

    Args:
        query: INT64 [N], each pair's query.
        batch_size: pairs a batch; the last one may hold fewer.
        random: for the order.
    """
    shuffled = random.permutation(len(query))
    order = shuffled[np.argsort(query[shuffled], kind="stable")]
    borders = np.cumsum(np.bincount(query))[:-1]
    groups = [
        part[start : start + _GROUP]
        for part in np.split(order, borders)
        for start in range(0, len(part), _GROUP)
    ]
    mixed = [groups[number] for number in random.permutation(len(groups))]
    flat = np.concatenate(mixed) if mixed else np.zeros(0, dtype=np.int64)
    return [flat[start : start + batch_size] for start in range(0, len(flat), batch_size)]
