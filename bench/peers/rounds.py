"""Interleaved rounds: in each, every competitor does the same queries, one after the other."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from pintower.errors import SetupError
from pintower.progress import track

from .client import Worker
from .competitors import Competitor
from .environments import PeerEnvironment
from .queries import Queries, Query, cycle_from

__all__ = ["TEXT", "Times", "embed_all", "encoder_cell", "measure", "start_workers"]

logger = logging.getLogger("pintower.bench.peers")

TEXT = "text_to_vector"
WARMUP = 10
"""Calls a visit that are not counted: the caches hold the competitor before."""

Times = dict[str, dict[str, list[list[float]]]]
"""Milliseconds of every call, by competitor, cell and round."""


def encoder_cell(length: int) -> str:
    """Name the cell of the encoder alone at one length."""
    return f"encoder_{length}_tokens"


def start_workers(
    stack: ExitStack,
    competitors: Sequence[Competitor],
    environments: Mapping[str, PeerEnvironment],
    problems: Mapping[str, str],
    core: int | None,
) -> tuple[dict[str, Worker], dict[str, str]]:
    """Load every competitor, each in a process of its own.

    Args:
        stack: ends the processes.
        competitors: to load.
        environments: by key; one that is absent has its reason in ``problems``.
        problems: why an environment or a prepared file is absent, by its name.
        core: every process is pinned to it; None leaves that to the system.

    Returns:
        The workers by name, and by name why others are not among them.
    """
    workers, failures = {}, {}
    for competitor in track(competitors, "Loading competitors", unit="processes"):
        missing = [n for n in (competitor.environment, *competitor.needs) if n in problems]
        if missing:
            failures[competitor.name] = problems[missing[0]]
            continue
        try:
            environment = environments[competitor.environment]
            worker = stack.enter_context(Worker(competitor, environment, core))
        except SetupError as error:
            failures[competitor.name] = str(error)
            continue
        workers[competitor.name] = worker
    return workers, failures


def embed_all(
    workers: dict[str, Worker], queries: Sequence[Query], failures: dict[str, str]
) -> dict[str, NDArray[np.float64]]:
    """Return each competitor's vectors FP64 [N, D]; who fails moves to ``failures``."""
    vectors = {}
    for name, worker in track(list(workers.items()), "Measuring fidelity", unit="competitors"):
        try:
            answer = worker.ask("embed", texts=_texts(worker, queries))
        except SetupError as error:
            failures[name] = str(error)
            del workers[name]
            continue
        vectors[name] = np.array(answer["vectors"])
    return vectors


def measure(
    workers: dict[str, Worker],
    queries: Queries,
    rounds: int,
    calls: int,
    failures: dict[str, str],
) -> Times:
    """Time every competitor in every round; who fails on the way moves to ``failures``.

    A first round is not counted: compilers compile in it. Each visit starts with ``WARMUP`` calls
    that are not counted either.
    """
    times: Times = {}
    for turn in track(range(-1, rounds), "Measuring latency", unit="rounds"):
        for cell, name, worker, shown in _visits(workers, queries, turn, calls):
            if name in failures:
                continue
            texts = cell == TEXT
            given = {"texts": _texts(worker, shown)} if texts else {"ids": [q.ids for q in shown]}
            try:
                taken = worker.ask("encode" if texts else "forward", warmup=WARMUP, **given)["ms"]
            except SetupError as error:
                failures[name] = str(error)
                continue
            if turn >= 0:
                times.setdefault(name, {}).setdefault(cell, []).append(taken)
    return {name: cells for name, cells in times.items() if name not in failures}


def _visits(
    workers: Mapping[str, Worker], queries: Queries, turn: int, calls: int
) -> Iterator[tuple[str, str, Worker, list[Query]]]:
    """Yield a round's cells, and in each every competitor with the same queries."""
    count = WARMUP + calls
    cells = {encoder_cell(n): found for n, found in queries.of_length.items() if found}
    for cell, found in {**cells, TEXT: queries.stream}.items():
        shown = list(cycle_from(found, max(turn, 0) * count, count))
        for name, worker in workers.items():
            if cell == TEXT or worker.encoder_only:
                yield cell, name, worker, shown


def _texts(worker: Worker, queries: Sequence[Query]) -> list[str]:
    """Return queries as a competitor's user has them: the exported encoders render themselves."""
    own = worker.competitor.group != "peer"
    return [query.text if own else query.rendered for query in queries]
