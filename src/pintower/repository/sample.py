"""Real queries with candidates, for the gates and for the golden queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pintower.data.candidates import CandidateIndex
from pintower.data.tables import QUERY_LOG
from pintower.errors import RepositoryError
from pintower.models.probes import PROBES
from pintower.snapshot import Snapshot

__all__ = ["Sample", "draw_queries", "sample_requests"]


@dataclass(frozen=True)
class Sample:
    """One request: a query and its candidates."""

    query: str
    pin_ids: tuple[str, ...]


def sample_requests(
    inputs: Mapping[str, Path], snapshot: Snapshot, *, queries: int, candidates: int, seed: int
) -> list[Sample]:
    """Return requests of distinct queries of the log, half BM25 candidates and half random pins.

    Args:
        inputs: folders of the stages ``pins`` and ``data``; without ``data`` the tokenizer's
            probes stand for the log.
        snapshot: where random pins are drawn from.
        queries: how many, fewer if the log has no more.
        candidates: pins a request, fewer if the catalogue has no more.
        seed: for queries and pins.

    Raises:
        RepositoryError: if the snapshot holds no pin.
    """
    if not len(snapshot.ids):
        raise RepositoryError("The pin snapshot is empty: there is nothing to score.")
    index = CandidateIndex.load(inputs["pins"] / "candidates")
    generator = np.random.default_rng(seed)
    samples = []
    for query in draw_queries(inputs, queries, generator):
        pin_ids = index.search(query, candidates // 2)
        drawn_pins = min(candidates, len(snapshot.ids))
        rows = generator.choice(len(snapshot.ids), drawn_pins, replace=False)
        drawn = [bytes(snapshot.ids[row]).decode() for row in rows]
        merged = tuple(dict.fromkeys([*pin_ids, *drawn]))[:candidates]
        samples.append(Sample(query, merged))
    return samples


def draw_queries(
    inputs: Mapping[str, Path], count: int, generator: np.random.Generator
) -> Sequence[str]:
    """Return distinct queries of the log, at most ``count``; without ``data`` the probes."""
    path = inputs["data"] / f"{QUERY_LOG}.parquet" if "data" in inputs else None
    if path is None or not path.is_file():
        return [raw.decode("utf-8", "replace") for raw in PROBES.values()][:count]
    distinct = (
        pl.scan_parquet(path, glob=False).select(pl.col("query").unique()).collect()["query"].sort()
    )
    rows = generator.permutation(len(distinct))[:count]
    drawn: list[str] = distinct.gather(rows).to_list()
    return drawn
