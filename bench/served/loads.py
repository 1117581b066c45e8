"""The requests of each scenario, cut from the query log, each pass its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pintower.bench.load import (
    Load,
    Request,
    as_rows,
    distinct_queries,
    load_of,
    logged_queries,
)
from pintower.data.tables import QUERY_LOG, read_table
from pintower.errors import InputError
from pintower.repository.parts import current_snapshot
from pintower.serving.perf_analyzer import Row, poisson_intervals
from pintower.snapshot import Snapshot
from pintower.text.rendering import Rendering, normalize_query
from pintower.text.words import words

from .scenarios import Scenario

__all__ = ["WARM_UP", "Loads", "Pass"]

WARM_UP = 100
"""Requests that warm up a server; all that one without a cache is sent."""


@dataclass(frozen=True)
class Pass:
    """One load to measure.

    Attributes:
        load: ``closed`` or ``open``.
        level: requests in flight, or requests a second.
        candidates: pins a request carries.
        requests: in order, each sent once.
        intervals_us: microseconds between requests, of an open loop.
    """

    load: str
    level: float
    candidates: int
    requests: tuple[Request, ...]
    intervals_us: tuple[int, ...] = ()


class Loads:
    """The requests that a work folder's dataset makes."""

    def __init__(self, workdir: Path, seed: int = 7) -> None:
        """Read the log.

        Args:
            workdir: of a finished run.
            seed: of random arrival times.

        Raises:
            DatasetError: if the dataset has no log.
        """
        self._workdir = workdir
        self._seed = seed
        self._log = logged_queries(workdir / "data")
        self._distinct = distinct_queries(self._log)
        self._times = read_table(workdir / "data", QUERY_LOG)["timestamp"].to_numpy()
        self._made: dict[tuple[Scenario, int], list[Request]] = {}

    def warmup(self, scenario: Scenario) -> list[Request]:
        """Return what is sent before: queries of the log up to the measured part, or others.

        The cache holds query embeddings and has room for all, so each query once fills it as the
        log does, whatever the candidates.
        """
        passes = self.passes(scenario)
        pins = passes[0].requests[0].pin_ids
        if scenario.warm_requests:
            logged = list(dict.fromkeys(self._log[: scenario.warm_requests]))
            short = [Request(query, pins[:1]) for query in logged[:-WARM_UP]]
            return short + [Request(query, pins) for query in logged[-WARM_UP:]]
        measured = {item.query for one in passes for item in one.requests}
        others = [query for query in self._distinct[::-1] if query not in measured]
        return [Request(query, pins) for query in others[:WARM_UP]]

    def passes(self, scenario: Scenario) -> list[Pass]:
        """Return a scenario's passes; together they send no row twice, save in ``repeat``.

        Raises:
            InputError: if the log is shorter than the scenario needs.
        """
        passes = []
        for candidates in scenario.candidates:
            requests = self._requests(scenario, candidates)
            for load, levels in (("closed", scenario.closed), ("open", scenario.rates)):
                for level in levels:
                    begin = len(passes) * scenario.requests
                    part = tuple(requests[begin : begin + scenario.requests])
                    waits = self._intervals(scenario, begin, level) if load == "open" else ()
                    passes.append(Pass(load, level, candidates, part, waits))
        return passes

    def rows(self, scenario: Scenario, requests: Sequence[Request]) -> list[Row]:
        """Return what perf_analyzer sends to the scenario's ensemble."""
        if scenario.model == "query_embedding":
            return [{"QUERY": np.array([item.query], dtype=np.object_)} for item in requests]
        if scenario.model == "relevance":
            return as_rows(Load(scenario.name, tuple(requests), 0.0))
        snapshot = Snapshot.open(current_snapshot(self._workdir / "pins"))
        rendering = Rendering.load(self._workdir / "export" / "text.json")
        rows: list[Row] = []
        for item in requests:
            text = normalize_query(item.query, rendering)
            pin_ids = [pin_id.encode() for pin_id in item.pin_ids]
            embeddings, matches = snapshot.features(text, pin_ids)
            query = np.array([[item.query]], dtype=np.object_)
            rows.append({"QUERY": query, "PIN_EMBEDDINGS": embeddings, "MATCH_FEATURES": matches})
        return rows

    def _requests(self, scenario: Scenario, candidates: int) -> list[Request]:
        """Return the requests of all passes together."""
        made = self._made.get((scenario, candidates))
        if made is not None:
            return made
        passes = len(scenario.candidates) * (len(scenario.closed) + len(scenario.rates))
        total = scenario.requests * passes
        if scenario.queries == "unique":
            found = [query for query in self._distinct if _fits(query, scenario.length)]
        else:
            found = self._log[scenario.warm_requests :]
        if len(found) < total:
            raise InputError(
                f"Scenario {scenario.name} needs {total} requests; the log of {self._workdir} has "
                f"{len(found)} that fit. Take a larger dataset, or lower the scenario's requests."
            )
        queries = found[:1] * total if scenario.queries == "repeat" else found[:total]
        load = load_of(scenario.name, queries, self._workdir / "pins", candidates)
        return self._made.setdefault((scenario, candidates), list(load.requests))

    def _intervals(self, scenario: Scenario, begin: int, rate: float) -> tuple[int, ...]:
        random = np.random.default_rng(self._seed)
        if scenario.arrivals == "poisson":
            return poisson_intervals(rate, scenario.requests, self._seed)
        if np.isnan(self._times.astype(np.float64)).any():
            raise InputError(
                f"Scenario {scenario.name} sends requests as far apart as in the log, and the log "
                f"of {self._workdir} has no timestamps. Name other --scenarios."
            )
        first = scenario.warm_requests + begin
        waits = np.diff(self._times[first : first + scenario.requests + 1]).astype(np.float64)
        # The log counts whole seconds.
        waits = np.maximum(waits + random.uniform(-0.5, 0.5, len(waits)), 0.01)
        return tuple(np.rint(1e6 / rate * waits / waits.mean()).astype(int).tolist())


def _fits(query: str, length: str) -> bool:
    count = len(words(query))
    return {"any": True, "short": count == 1, "long": count >= 4}[length]
