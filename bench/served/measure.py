"""Rounds: every scenario's systems one after the other, again and again, each freshly started."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import psutil

from pintower.bench.yardstick import Yardstick
from pintower.errors import PintowerError
from pintower.progress import track
from pintower.serving.load_results import LoadResult, one_after_another

from .loads import WARM_UP, Loads, Pass
from .scenarios import Scenario
from .systems import Running, System

__all__ = ["measure"]

logger = logging.getLogger(__name__)

_WARM_CONCURRENCY = 8
_RESAMPLES = 500


def measure(
    scenarios: Sequence[Scenario], systems: Mapping[str, System], loads: Loads, rounds: int
) -> Iterator[list[dict[str, Any]]]:
    """Measure all scenarios and give the rows after each round, so that none is lost.

    Args:
        scenarios: what to send.
        systems: those that could be prepared, by name; others are left out.
        loads: makes the requests.
        rounds: how many times.
    """
    taken: dict[tuple[Any, ...], dict[str, Any]] = {}
    for number in track(range(rounds), "measuring", unit="rounds"):
        for scenario in scenarios:
            if scenario.rounds == "one" and number:
                continue
            for name in scenario.systems:
                if name in systems:
                    _visit(scenario, systems[name], loads, taken)
        yield [_row(found) for found in taken.values()]


def _visit(
    scenario: Scenario, system: System, loads: Loads, taken: dict[tuple[Any, ...], dict[str, Any]]
) -> None:
    """Start a system, send a scenario's passes, and keep what was measured."""
    logger.info("%s: %s", scenario.name, system.name)
    try:
        _measure(scenario, system, loads, taken)
    except PintowerError as error:
        if system.name == "pintower":
            raise
        logger.warning("%s, %s: %s", scenario.name, system.name, error)
        for one in loads.passes(scenario):
            _entry(taken, scenario, system, one)["failed"] = str(error)


def _measure(
    scenario: Scenario, system: System, loads: Loads, taken: dict[tuple[Any, ...], dict[str, Any]]
) -> None:
    warmup = loads.warmup(scenario)
    if not system.cached:
        warmup = warmup[-WARM_UP:]
    with system.start() as running:
        if scenario.queries != "log" or scenario.warm_requests or not system.cached:
            rows = loads.rows(scenario, warmup)
            running.send(scenario.model, rows, concurrency=min(_WARM_CONCURRENCY, len(rows)))
        for one in loads.passes(scenario):
            found = _entry(taken, scenario, system, one)
            try:
                with Yardstick() as yardstick:
                    result, spent = _send(running, scenario, one, loads)
            except PintowerError as error:
                logger.warning("%s, %s, %g: %s", scenario.name, system.name, one.level, error)
                found["failed"] = str(error)
                continue
            found["results"].append(result)
            found["rounds"].append(
                {
                    "throughput": round(result.throughput, 3),
                    "p50_ms": round(result.p50_ms, 5),
                    "p90_ms": round(result.p90_ms, 5),
                    "p99_ms": round(result.p99_ms, 5),
                    "yardstick_ms": round(
                        yardstick.milliseconds(result.timings.begin, result.timings.end), 5
                    ),
                    "cpu_ms_a_request": round(1e3 * spent / result.requests, 4),
                    "memory_mib": round(_memory_mib(running), 1),
                }
            )
            logger.info(
                "%s, %s, %s %g, %d candidates: %.0f requests/s, p50 %.2f ms, p99 %.2f ms",
                scenario.name, system.name, one.load, one.level, one.candidates,
                result.throughput, result.p50_ms, result.p99_ms,
            )  # fmt: skip


def _entry(
    taken: dict[tuple[Any, ...], dict[str, Any]], scenario: Scenario, system: System, one: Pass
) -> dict[str, Any]:
    """Return what is kept of a pass over all rounds, made at its first."""
    key = (scenario.name, system.name, one.load, one.level, one.candidates)
    empty = {"scenario": scenario, "system": system, "pass": one, "results": [], "rounds": []}
    return taken.setdefault(key, empty)


def _send(
    running: Running, scenario: Scenario, one: Pass, loads: Loads
) -> tuple[LoadResult, float]:
    """Return what was measured, and the processor seconds that the system used."""
    rows = loads.rows(scenario, one.requests)
    before = _cpu_seconds(running)
    if one.load == "open":
        result = running.send(scenario.model, rows, intervals_us=one.intervals_us)
    else:
        result = running.send(scenario.model, rows, concurrency=int(one.level))
    return result, _cpu_seconds(running) - before


def _row(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of one load over all rounds together."""
    scenario, system, one = found["scenario"], found["system"], found["pass"]
    results: Sequence[LoadResult] = found["results"]
    row: dict[str, Any] = {
        "scenario": scenario.name,
        "system": system.name,
        "load": one.load,
        "level": one.level,
        "candidates": one.candidates if scenario.model != "query_embedding" else 0,
        "model": scenario.model,
    }
    if not results:
        return {**row, "failed": found["failed"]}
    latencies = [result.timings.latencies_ms for result in results]
    together = one_after_another(results)
    row |= {
        "requests": together.requests,
        "throughput": round(together.throughput, 2),
        **_percentiles(together.timings.latencies_ms),
        **{f"{key}_interval": value for key, value in _intervals(latencies).items()},
        "cache_hit_rate": round(together.hit_rate(system.cached_model), 4),
        "cpu_ms_a_request": _mean(found["rounds"], "cpu_ms_a_request"),
        "memory_mib": _mean(found["rounds"], "memory_mib"),
        "steps": {step: _step(together, step) for step in system.steps},
        "rounds": found["rounds"],
    }
    return row


def _percentiles(latencies: np.ndarray) -> dict[str, float]:
    return {
        f"p{share:g}_ms": round(float(np.percentile(latencies, share)), 4)
        for share in (50, 90, 99, 99.9)
    }


def _intervals(rounds: Sequence[np.ndarray]) -> dict[str, list[float]]:
    """Return 95 % intervals by resampling rounds, and requests within them."""
    random = np.random.default_rng(0)
    drawn: list[dict[str, float]] = []
    for _ in range(_RESAMPLES):
        chosen = random.integers(0, len(rounds), len(rounds))
        parts = [random.choice(rounds[index], len(rounds[index])) for index in chosen]
        drawn.append(_percentiles(np.concatenate(parts)))
    return {
        key: [round(float(np.percentile([one[key] for one in drawn], p)), 4) for p in (2.5, 97.5)]
        for key in ("p50_ms", "p99_ms")
    }


def _step(result: LoadResult, step: str) -> dict[str, float]:
    """Return microseconds of a step, for each request that it answered; cache hits count."""
    counters = result.counters(step)
    answered = max(1, counters.success)
    return {
        "request_us": round(counters.request_us / answered, 1),
        "queue_us": round(counters.queue_us / answered, 1),
        "infer_us": round(counters.compute_infer_us / answered, 1),
    }


def _mean(rounds: Sequence[Mapping[str, float]], key: str) -> float:
    return round(float(np.mean([item[key] for item in rounds])), 3)


def _processes(running: Running) -> Iterator[psutil.Process]:
    root = psutil.Process(running.pid)
    yield from (root, *root.children(recursive=True))


def _cpu_seconds(running: Running) -> float:
    """Return the processor time that a system has used so far."""
    total = 0.0
    for process in _processes(running):
        times = process.cpu_times()
        total += times.user + times.system
    return total


def _memory_mib(running: Running) -> float:
    """Return the memory of a system's processes, what they share counted once."""
    return float(sum(process.memory_full_info().pss for process in _processes(running))) / 2**20
