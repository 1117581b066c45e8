"""Token ids as the served query encoder takes them: rows of one width, padded with what says whose.

Triton's response cache compares a request's bytes and neither its shape nor the weights behind the
model. Rows of one width leave their bytes one shape to have, so no request can be answered with
the vectors of another shape; and requests of any lengths merge, where the server merges equal
shapes only. Padding that is derived from the encoder's artifact id keeps its answers apart from
those of every other encoder that was or will be served under the same name and version.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["ANY_PADDING", "id_rows", "padding_of"]

ANY_PADDING = -1
"""For a graph that is run without a server; any negative number is padding."""

_DIGITS = 15
"""Of the artifact id: 60 bits."""


def padding_of(artifact_id: str) -> int:
    """Return the negative number that pads the ids of the encoder with this artifact id (hex)."""
    return -1 - int(artifact_id[:_DIGITS], 16)


def id_rows(
    rows: Sequence[Sequence[int]], width: int, padding: int = ANY_PADDING
) -> NDArray[np.int64]:
    """Return token ids INT64 [B, width] of B texts of fewer than ``width`` tokens each."""
    ids = np.full((len(rows), width), padding, dtype=np.int64)
    for place, row in zip(ids, rows, strict=True):
        place[: len(row)] = row
    return ids
