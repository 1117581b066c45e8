"""What an encoder takes, from rows of the pins table and of the queries table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.errors import DatasetError
from pintower.text.rendering import Rendering, render_pin

__all__ = [
    "feature_matrix",
    "length_batches",
    "pin_texts",
    "shape_batches",
    "spread_over_lengths",
    "vector_matrix",
]


def pin_texts(pins: pl.DataFrame, rendering: Rendering) -> list[str]:
    """Return the rendered text of each pin."""
    sources = [source for source in rendering.pin_sources if source in pins.columns]
    return [render_pin(pin, rendering) for pin in pins.select(sources).iter_rows(named=True)]


def feature_matrix(
    pins: pl.DataFrame, columns: Sequence[Mapping[str, Any]]
) -> NDArray[np.float32] | None:
    """Return the pins' feature vectors, as :func:`vector_matrix` does; None without columns.

    Raises:
        DatasetError: if a column the pin encoder was trained on is absent or of another width.
    """
    return vector_matrix(pins, columns, of="pin") if columns else None


def vector_matrix(
    table: pl.DataFrame, columns: Sequence[Mapping[str, Any]], *, of: str
) -> NDArray[np.float32]:
    """Return feature vectors laid end to end, FP32 [N, V]; a missing vector is all zero.

    Args:
        table: pins or queries, N rows.
        columns: ``{"name", "width"}`` of each, as the encoder was trained on them.
        of: ``pin`` or ``query``, for messages.

    Raises:
        DatasetError: if a column the encoder was trained on is absent or of another width.
    """
    plural = {"pin": "pins", "query": "queries"}[of]
    parts = []
    for column in columns:
        name, width = column["name"], column["width"]
        if name not in table.columns:
            raise DatasetError(
                f"The {plural} have no column {name!r}, which the {of} encoder was trained on. "
                f"Columns given: {', '.join(table.columns)}."
            )
        vectors = table[name].to_list()
        matrix = np.zeros((len(vectors), width), dtype=np.float32)
        for row, vector in zip(matrix, vectors, strict=True):
            if vector is not None:
                if len(vector) != width:
                    raise DatasetError(
                        f"Column {name!r} of the {plural} has vectors of width {len(vector)}; the "
                        f"{of} encoder was trained on width {width}."
                    )
                row[:] = vector
        parts.append(matrix)
    return np.concatenate(parts, axis=1)


def length_batches(
    lengths: Sequence[int] | NDArray[np.int64], budget: int
) -> Iterator[NDArray[np.int64]]:
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


def shape_batches(
    lengths: Sequence[int] | NDArray[np.int64], budget: int, step: int, limit: int
) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Yield positions in batches of few shapes, longest first, each with its places a row.

    Args:
        lengths: tokens of each text.
        budget: tokens a batch may hold, padding included; a longer text is a batch of its own.
        step: lengths are rounded up to a multiple of it, and a batch is of one such length.
        limit: no row has more places.
    """
    rounded = np.minimum(-(-np.maximum(lengths, 1) // step) * step, limit)
    for places in np.unique(rounded)[::-1].tolist():
        rows = np.flatnonzero(rounded == places)
        size = max(1, budget // places)
        for start in range(0, len(rows), size):
            yield rows[start : start + size], places


def spread_over_lengths(lengths: Sequence[int], count: int, seed: int) -> NDArray[np.int64]:
    """Return up to ``count`` positions that cover the lengths evenly: first one of each length.

    Args:
        lengths: tokens of each text.
        count: positions wanted.
        seed: decides among texts of one length.
    """
    drawn = np.random.default_rng(seed).permutation(len(lengths))
    values = np.asarray(lengths, dtype=np.int64)[drawn]
    order = np.argsort(values, kind="stable")
    sorted_values = values[order]
    rank = np.arange(len(order)) - np.searchsorted(sorted_values, sorted_values)
    chosen: NDArray[np.int64] = drawn[order[np.argsort(rank, kind="stable")]][:count]
    return chosen
