"""Feature vectors of queries, looked up by the query's normal form."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pintower.contracts import Contract
from pintower.data.splits import normal_forms
from pintower.data.tables import QUERIES, read_table
from pintower.models.pin_inputs import vector_matrix
from pintower.text.rendering import Rendering, normalize_query

__all__ = ["QueryVectors"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueryVectors:
    """What a dataset says of its queries beside their text.

    Attributes:
        width: Q, of all columns laid end to end.
        rows: normal form to vector FP32 [Q].
    """

    width: int
    rows: Mapping[str, NDArray[np.float32]]

    @classmethod
    def load(cls, data: Path | None, columns: Sequence[Mapping[str, Any]]) -> Self | None:
        """Read a data folder's vectors; None where an encoder takes none.

        Args:
            data: the data stage's folder; None, or one without query vectors, makes every vector
                zero.
            columns: ``{"name", "width"}`` of each column, as the encoder was trained on them.

        Raises:
            DatasetError: if a column is absent or of another width.
        """
        if not columns:
            return None
        width = sum(int(column["width"]) for column in columns)
        if data is None or not (data / f"{QUERIES}.parquet").is_file():
            logger.warning("the dataset has no vectors of queries: zeros stand for them")
            return cls(width, {})
        table = read_table(data, QUERIES)
        matrix = vector_matrix(table, columns, of="query")
        rendering = Rendering()
        forms = (normalize_query(query, rendering) for query in table["query"])
        return cls(width, dict(zip(forms, matrix, strict=True)))

    @classmethod
    def of_release(cls, data: Path | None, contract: Contract) -> Self | None:
        """Read the vectors that a release's query encoder takes; None where it takes none."""
        return cls.load(data, [column.model_dump() for column in contract.query_feature_columns])

    def beside(self, queries: Sequence[str], vectors: NDArray[np.float32]) -> Self:
        """Return these with vectors FP32 [N, Q] of N more queries; those known already stay."""
        forms = normal_forms(queries)
        more = {forms[query]: vector for query, vector in zip(queries, vectors, strict=True)}
        return replace(self, rows={**more, **self.rows})

    def matrix(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return the queries' vectors FP32 [N, Q]; that of a query without one is all zero."""
        rendering = Rendering()
        found = np.zeros((len(queries), self.width), dtype=np.float32)
        for row, query in zip(found, queries, strict=True):
            vector = self.rows.get(normalize_query(query, rendering))
            if vector is not None:
                row[:] = vector
        return found
