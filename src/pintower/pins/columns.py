"""Columns of the store as the arrays that a snapshot is made of."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pintower.text.forward_index import ForwardIndex, sum_counts
from pintower.text.rendering import PIN_SOURCES

__all__ = ["SNAPSHOT_COLUMNS", "embedding_matrix", "forward_index"]

SNAPSHOT_COLUMNS = ("pin_id", "embedding", "terms", "counts", "title_terms")
"""What a snapshot takes of the store."""


def embedding_matrix(rows: pa.Table) -> NDArray[np.float32]:
    """Return the embeddings of some rows, FP32 [N, D]."""
    width = rows.schema.field("embedding").type.list_size
    matrix: NDArray[np.float32] = _flat(rows["embedding"]).reshape(-1, width)
    return matrix


def forward_index(rows: pa.Table) -> ForwardIndex:
    """Return the forward index of some rows, in their order."""
    indptr = _offsets(rows["terms"])
    counts = _flat(rows["counts"]).reshape(-1, len(PIN_SOURCES))
    return ForwardIndex(
        indptr=indptr,
        ids=_flat(rows["terms"]),
        counts=counts,
        lengths=sum_counts(indptr, counts),
        title_indptr=_offsets(rows["title_terms"]),
        title_ids=_flat(rows["title_terms"]),
    )


def _flat(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return the values of a column of lists, laid end to end."""
    joined = pa.concat_arrays(column.chunks or [pa.array([], column.type)])
    values: NDArray[Any] = joined.flatten().to_numpy(zero_copy_only=False)
    return values


def _offsets(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return where each list begins, INT64 [N + 1]."""
    lengths = pc.list_value_length(column).to_numpy()
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
