"""The queries table of a dataset folder: feature vectors, for query encoders that take them."""

from pathlib import Path

import polars as pl

from pintower.data.checks import as_text, check_queries, examples, ignore_others, require
from pintower.data.splits import normal_forms
from pintower.data.tables import QUERIES, SCHEMAS
from pintower.data.vectors import clean_vectors, find_vectors
from pintower.errors import DatasetError

__all__ = ["clean_queries"]


def clean_queries(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Return the queries table: ``query``, then every column of lists of floats.

    Raises:
        DatasetError: if it holds no vectors, or two rows for one query.
    """
    require(frame, ["query"], path)
    vectors = find_vectors(frame, path, None, table=QUERIES)
    if not vectors:
        raise DatasetError(
            f"{path} has no column of lists of floats: it is there for queries' feature vectors. "
            "Add them, or remove the file; a log of queries is query_log."
        )
    frame = ignore_others(frame, {*SCHEMAS[QUERIES], *vectors}, path)
    table = pl.DataFrame([as_text(frame, "query", path).fill_null("").alias("query")])
    check_queries(table, path)
    forms = normal_forms(table["query"])
    twice = table.filter(table["query"].replace_strict(forms).is_duplicated())["query"]
    if len(twice):
        raise DatasetError(
            f"{path} has several rows for one query, such as {examples(twice)} (blanks and case "
            "aside); keep one for each."
        )
    return table.with_columns(clean_vectors(frame, vectors, path))
