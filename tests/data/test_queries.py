"""The queries table: vectors of queries, one row a query."""

from typing import Any

import polars as pl
import pytest

from pintower.data.columns import KINDS, typed_rows
from pintower.data.origin import Origin
from pintower.data.queries import clean_queries
from pintower.data.tables import QUERIES
from pintower.errors import DatasetError


def clean(rows: list[dict[str, Any]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows)
    return clean_queries(typed_rows(frame, KINDS[QUERIES], Origin("queries.parquet")))


def test_vectors_stand_behind_the_query_and_other_columns_are_left_out() -> None:
    table = clean([{"query": "red shoes", "topic": [0.5, 1.0], "note": "x"}])
    assert table.columns == ["query", "topic"]
    assert table.schema["topic"] == pl.List(pl.Float32)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"topic": [1.0]}], "query"),
        ([{"query": "a", "count": 3}], "no column of lists of floats"),
        ([{"query": "a b", "t": [1.0]}, {"query": "A  b", "t": [2.0]}], "several rows for one"),
        ([{"query": "a", "t": [1.0]}, {"query": "b", "t": [1.0, 2.0]}], "row 2: 't' has 2 numbers"),
        ([{"query": "a", "t": [float("nan")]}], "NaN"),
        ([{"query": "", "t": [1.0]}], "have no query"),
    ],
)
def test_what_no_lookup_could_use_is_refused(rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        clean(rows)
