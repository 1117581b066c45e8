"""Which parts of the held-out queries each judgment is in."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.data.splits import normal_forms
from pintower.text.words import words

__all__ = ["parts_of"]

_HEAD, _TORSO = 0.5, 0.8
"""Shares of the logged requests that the most frequent queries make up: head, head and torso."""


def parts_of(judgments: pl.DataFrame, query_log: pl.DataFrame) -> dict[str, NDArray[np.str_]]:
    """Return the slice of each of N judgments, STR [N], by query length, language, country, band.

    Where no judgment names a language or country there is none to slice by. The bands are those of
    the query log: the head are the most frequent queries that make up half of its requests, the
    torso those that come next up to four fifths, the tail all others, never logged ones included. A
    log in which no query comes twice has no bands.

    Args:
        judgments: ``query``, ``language``, ``country``.
        query_log: ``query``, a row for each request.
    """
    queries = judgments["query"].to_list()
    by = {"query_length": np.array([_length(query) for query in queries])}
    for column in ("language", "country"):
        if judgments[column].is_not_null().any():
            by[column] = np.array(judgments[column].fill_null("unknown").to_list())
    if bands := _bands(queries, query_log):
        by["frequency"] = np.array([bands[query] for query in queries])
    return by


def _length(query: str) -> str:
    count = len(words(query))
    return "1" if count <= 1 else "2-3" if count <= 3 else "4+"


def _bands(queries: list[str], query_log: pl.DataFrame) -> dict[str, str]:
    """Return the band of each query; nothing where the log has none."""
    forms = normal_forms([*query_log["query"].unique(), *queries])
    logged = (
        query_log["query"]
        .replace_strict(forms, return_dtype=pl.String)
        .value_counts()
        .sort(["count", "query"], descending=[True, True])
    )
    if not (logged["count"] > 1).any():
        return {}
    before = (logged["count"].cum_sum() - logged["count"]) / len(query_log)
    place = dict(zip(logged["query"], before, strict=True))
    return {query: _band(place.get(forms[query], 1.0)) for query in queries}


def _band(before: float) -> str:
    return "head" if before < _HEAD else "torso" if before < _TORSO else "tail"
