"""Query-pin pairs as numbers: positions of distinct queries and pins, and their match features."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.data.candidates import CandidateIndex
from pintower.errors import DatasetError
from pintower.text.forward_index import build_forward_index
from pintower.text.match_features import FEATURES, MatchStatistics, match_features

__all__ = ["Pairs", "bm25_scores", "number_pairs", "pair_match_features"]


@dataclass(frozen=True)
class Pairs:
    """N pairs over Q distinct queries and P distinct pins.

    Attributes:
        queries: the distinct queries, Q.
        pins: rows of the pins table, P, in its order.
        query: INT64 [N], each pair's query.
        pin: INT64 [N], each pair's row of ``pins``.
    """

    queries: list[str]
    pins: pl.DataFrame
    query: NDArray[np.int64]
    pin: NDArray[np.int64]


def number_pairs(queries: Sequence[str], pin_ids: Sequence[str], pins: pl.DataFrame) -> Pairs:
    """Number the distinct queries and pins of N pairs.

    Raises:
        DatasetError: if a pair's pin is not in the pins table.
    """
    used = pins.filter(pl.col("pin_id").is_in(sorted(set(pin_ids))))
    rows = {pin_id: row for row, pin_id in enumerate(used["pin_id"])}
    unknown = sorted(set(pin_ids) - rows.keys())
    if unknown:
        raise DatasetError(f"{len(unknown)} pins of the pairs are not in the pins: {unknown[:3]}.")
    numbers = {query: number for number, query in enumerate(dict.fromkeys(queries))}
    return Pairs(
        queries=list(numbers),
        pins=used,
        query=np.array([numbers[query] for query in queries], dtype=np.int64),
        pin=np.array([rows[pin_id] for pin_id in pin_ids], dtype=np.int64),
    )


def pair_match_features(pairs: Pairs, statistics: MatchStatistics) -> NDArray[np.float32]:
    """Return the match features of each pair, FP32 [N, F]."""
    index = build_forward_index(pairs.pins.iter_rows(named=True))
    features = np.zeros((len(pairs.query), len(FEATURES)), dtype=np.float32)
    order = np.argsort(pairs.query, kind="stable")
    borders = np.cumsum(np.bincount(pairs.query, minlength=len(pairs.queries)))[:-1]
    for query, rows in zip(pairs.queries, np.split(order, borders), strict=True):
        features[rows] = match_features(query, index, pairs.pin[rows], statistics)
    return features


def bm25_scores(index: CandidateIndex, pairs: Pairs) -> NDArray[np.float32]:
    """Return BM25's score of each pair, FP32 [N]."""
    pin_ids = pairs.pins["pin_id"].to_list()
    scores = np.zeros(len(pairs.query), dtype=np.float32)
    for number, query in enumerate(pairs.queries):
        rows = np.flatnonzero(pairs.query == number)
        scores[rows] = index.scores(query, [pin_ids[pin] for pin in pairs.pin[rows]])
    return scores
