"""The load: real queries of the log, in arrival order, each with the candidates it would bring."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pintower.contracts import Contract
from pintower.data.candidates import CandidateIndex
from pintower.data.tables import QUERY_LOG, read_table
from pintower.errors import DatasetError
from pintower.models.query_vectors import QueryVectors
from pintower.serving.perf_analyzer import Row
from pintower.text.rendering import Rendering, normalize_query

__all__ = [
    "Load",
    "Request",
    "as_rows",
    "distinct_queries",
    "load_of",
    "log_load",
    "logged_queries",
    "unique_load",
    "warmup_load",
    "with_vectors",
]


@dataclass(frozen=True)
class Request:
    """One request to the ensemble.

    Attributes:
        query: as it stands in the log.
        pin_ids: its candidates.
    """

    query: str
    pin_ids: tuple[str, ...]


@dataclass(frozen=True)
class Load:
    """Requests that are sent once, in order.

    Attributes:
        scenario: ``log`` or ``unique``.
        requests: in order.
        repeat_share: share of requests whose very bytes were sent before: what an unbounded cache
            would answer.
        vectors: feature vectors of queries, for a release that takes them.
    """

    scenario: str
    requests: tuple[Request, ...]
    repeat_share: float
    vectors: QueryVectors | None = None


def log_load(data: Path, pins: Path, requests: int, candidates: int) -> Load:
    """Return the first requests of the query log, in arrival order.

    Raises:
        DatasetError: if the log is empty.
    """
    return load_of("log", logged_queries(data)[:requests], pins, candidates)


def unique_load(data: Path, pins: Path, requests: int, candidates: int) -> Load:
    """Return the log's distinct queries, each once: no cache can help."""
    return load_of("unique", distinct_queries(logged_queries(data))[:requests], pins, candidates)


def warmup_load(data: Path, pins: Path, load: Load, requests: int, candidates: int) -> Load:
    """Return requests from the end of the log whose queries don't occur in ``load``."""
    rendering = Rendering()
    measured = {normalize_query(request.query, rendering) for request in load.requests}
    late = distinct_queries(logged_queries(data)[::-1])
    queries = [query for query in late if normalize_query(query, rendering) not in measured]
    if not queries:  # a short log: words that no user typed
        queries = [f"warm up {number}" for number in range(requests)]
    return load_of("warm-up", queries[:requests], pins, candidates)


def as_rows(load: Load) -> list[Row]:
    """Return what perf_analyzer sends to the ensemble ``relevance``."""
    return [
        {
            "QUERY": np.array([[request.query]], dtype=np.object_),
            "PIN_IDS": np.array(request.pin_ids, dtype=np.object_),
            **(
                {}
                if load.vectors is None
                else {"QUERY_FEATURES": load.vectors.matrix([request.query])}
            ),
        }
        for request in load.requests
    ]


def with_vectors(load: Load, data: Path, repository: Path) -> Load:
    """Return a load with the feature vectors of queries that a repository's release takes."""
    contract = Contract.load(repository / "contract.json")
    return replace(load, vectors=QueryVectors.of_release(data, contract))


def logged_queries(data: Path) -> list[str]:
    """Return the log's queries, in arrival order.

    Raises:
        DatasetError: if there is none.
    """
    queries: list[str] = read_table(data, QUERY_LOG)["query"].to_list()
    if not queries:
        raise DatasetError(
            "The bench replays the query log, and the dataset has none. Add a query_log or "
            "impressions to the dataset folder."
        )
    return queries


def distinct_queries(queries: Sequence[str]) -> list[str]:
    """Return the queries with distinct normal forms, first writing kept, in order."""
    rendering = Rendering()
    first: dict[str, str] = {}
    for query in queries:
        first.setdefault(normalize_query(query, rendering), query)
    return list(first.values())


def load_of(scenario: str, queries: Sequence[str], pins: Path, candidates: int) -> Load:
    """Return requests with these queries, in this order.

    Args:
        scenario: what to call it.
        queries: at least one; any may come again.
        pins: folder of the pins stage.
        candidates: pins a request carries.
    """
    index = CandidateIndex.load(pins / "candidates")
    every_id = index.pin_ids.to_list()
    found: dict[str, tuple[str, ...]] = {}
    for query in queries:
        if query not in found:
            found[query] = _candidates(index, every_id, query, candidates)
    repeats = 1 - len(found) / len(queries)
    requests = tuple(Request(query, found[query]) for query in queries)
    return Load(scenario, requests, repeats)


def _candidates(
    index: CandidateIndex, every_id: Sequence[str], query: str, count: int
) -> tuple[str, ...]:
    """Return BM25's best, filled up with other pins to the wanted number."""
    best = index.search(query, count)
    random = np.random.default_rng(len(query))
    taken = set(best)
    for row in random.permutation(len(every_id))[: count + len(best)]:
        if len(best) >= count:
            break
        if every_id[row] not in taken:
            best.append(every_id[row])
    return tuple(best)
