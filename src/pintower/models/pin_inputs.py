"""What a pin encoder takes, from rows of the pins table."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.errors import DatasetError
from pintower.text.rendering import Rendering, render_pin

__all__ = ["feature_matrix", "length_batches", "pin_texts"]


def pin_texts(pins: pl.DataFrame, rendering: Rendering) -> list[str]:
    """Return the rendered text of each pin."""
    sources = [source for source in rendering.pin_sources if source in pins.columns]
    return [render_pin(pin, rendering) for pin in pins.select(sources).iter_rows(named=True)]


def feature_matrix(
    pins: pl.DataFrame, columns: Sequence[dict[str, Any]]
) -> NDArray[np.float32] | None:
    """Return the pins' feature vectors laid end to end, FP32 [N, V]; None where there are none.

    A missing vector is all zero.

    Raises:
        DatasetError: if a column the pin encoder was trained on is absent or of another width.
    """
    if not columns:
        return None
    parts = []
    for column in columns:
        name, width = column["name"], column["width"]
        if name not in pins.columns:
            raise DatasetError(
                f"The pins have no column {name!r}, which the pin encoder was trained on. "
                f"Columns given: {', '.join(pins.columns)}."
            )
        vectors = pins[name].to_list()
        matrix = np.zeros((len(vectors), width), dtype=np.float32)
        for row, vector in zip(matrix, vectors, strict=True):
            if vector is not None:
                if len(vector) != width:
                    raise DatasetError(
                        f"Column {name!r} of the pins has vectors of width {len(vector)}; the pin "
                        f"encoder was trained on width {width}."
                    )
                row[:] = vector
        parts.append(matrix)
    return np.concatenate(parts, axis=1)


def length_batches(lengths: Sequence[int], budget: int) -> Iterator[NDArray[np.int64]]:
    """Yield positions in batches of similar length.

    Args:
        lengths: tokens of each text.
        budget: tokens a batch may hold, padding included; a longer text is a batch of its own.
    """
    order = np.argsort(np.asarray(lengths), kind="stable")[::-1]
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size
