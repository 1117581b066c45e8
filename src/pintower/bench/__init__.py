"""The bench stage: the served ensemble under the log's real queries, by the genuine perf_analyzer.

Each measurement has a server of its own, so that it starts with an empty cache; each row of the
load is sent once, so the cache hit rate is the log's own.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from pintower.artifacts import read_json, write_json
from pintower.bench.cache_plan import plan_cache
from pintower.bench.figure import cache_plot, latency_plot
from pintower.bench.load import (
    Load,
    as_rows,
    log_load,
    logged_queries,
    unique_load,
    warmup_load,
    with_vectors,
)
from pintower.bench.machine import commit, device, versions
from pintower.bench.roofline import measure_roofline
from pintower.bench.yardstick import Yardstick
from pintower.config import BenchConfig
from pintower.contracts import Contract
from pintower.progress import track
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ServerEnvironment, describe_backend, ensure_environment
from pintower.serving.load_results import LoadResult, one_after_another
from pintower.serving.perf_analyzer import run_load
from pintower.serving.server import TritonServer

__all__ = ["run"]

logger = logging.getLogger(__name__)

_ENSEMBLE = "relevance"
_ENCODER = "query_encoder"
_STEPS = ("tokenizer", _ENCODER, "pin_features", "scorer")
_METHOD = (
    "Closed loop through gRPC on loopback, perf_analyzer on the machine that serves. Each scenario "
    "and concurrency has a freshly started server; warm-up requests carry queries that are not "
    "measured; every measured request is sent once, in the order of the log. Percentiles are taken "
    "over all requests. cache_hit_rate is the query encoder's hits over its answered requests. "
    "Step times are the server's own, microseconds a request, cache hits included. Rounds go "
    "through all scenarios and concurrencies; yardstick_ms: a fixed piece of work during each "
    "pass, the machine's speed just then."
)


def run(config: BenchConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Measure and write ``results.json``, ``latency.svg`` and ``cache.svg``.

    Args:
        config: how much load.
        inputs: ``data``, ``pins`` and ``repository``.
        folder: where to write.

    Returns:
        The headline figures.

    Raises:
        SetupError: if the server environment is missing or a server does not start.
    """
    release = read_json(inputs["repository"] / "release.json")
    target = Contract.load(inputs["repository"] / "contract.json").target
    environment = ensure_environment(target.triton)
    sizes, places = (config.requests, config.candidates), (inputs["data"], inputs["repository"])
    folders = (inputs["data"], inputs["pins"])
    plan: list[tuple[Load, Load, int]] = []
    for build in (log_load, unique_load):
        load = build(*folders, *sizes)
        warmup = warmup_load(*folders, load, config.warmup, config.candidates)
        load, warmup = (with_vectors(item, *places) for item in (load, warmup))
        plan += [(load, warmup, concurrency) for concurrency in config.concurrency]
    passes: list[list[LoadResult]] = [[] for _ in plan]
    paces: list[list[float]] = [[] for _ in plan]
    for number in track(range(config.rounds * len(plan)), "Measuring latency", unit="measurements"):
        place = number % len(plan)
        result, pace = _send(environment, inputs["repository"], *plan[place])
        passes[place].append(result)
        paces[place].append(pace)
    rows = [
        _row(load, results, pace, target.cached_model)
        for (load, _, _), results, pace in zip(plan, passes, paces, strict=True)
    ]
    queries = logged_queries(inputs["data"])
    cache = plan_cache(queries, inputs["repository"])
    on_cpu = target.device == "cpu"
    results = {
        "name": "serving",
        "command": "pintower bench",
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        "backend": describe_backend(environment),
        "target": release["target"],
        "method": _METHOD,
        "candidates": config.candidates,
        "rounds": config.rounds,
        "rows": rows,
        "yardstick_ms": [pace for of_one in paces for pace in of_one],
        "cache": asdict(cache),
        "roofline": measure_roofline(inputs["repository"], queries) if on_cpu else None,
        "headline": _headline(rows),
    }
    write_json(folder / "results.json", results)
    (folder / "latency.svg").write_text(latency_plot(rows), "utf-8")
    (folder / "cache.svg").write_text(cache_plot(cache), "utf-8")
    return _headline(rows)


def _send(
    environment: ServerEnvironment,
    repository: Path,
    load: Load,
    warmup: Load,
    concurrency: int,
) -> tuple[LoadResult, float]:
    """Return what was measured, and the yardstick meanwhile."""
    addresses = free_addresses()
    with TritonServer(environment, repository, addresses=addresses):
        send = partial(run_load, environment, addresses, _ENSEMBLE)
        send(as_rows(warmup), concurrency=min(concurrency, len(warmup.requests)))
        with Yardstick() as yardstick:
            result = send(as_rows(load), concurrency=min(concurrency, len(load.requests)))
    return result, yardstick.milliseconds(result.timings.begin, result.timings.end)


def _row(
    load: Load, results: Sequence[LoadResult], paces: Sequence[float], cached: str
) -> dict[str, Any]:
    """Return a load's figures over all rounds.

    Args:
        load: what was sent.
        results: of each round.
        paces: the yardstick beside each.
        cached: the model that answers from the cache.
    """
    result = one_after_another(results)
    steps = {}
    for step in _STEPS:
        counters = result.counters(cached if step == _ENCODER else step)
        answered = max(counters.success, 1)
        steps[step] = {
            "request_us": round(counters.request_us / answered, 1),
            "queue_us": round(counters.queue_us / answered, 1),
            "infer_us": round(counters.compute_infer_us / answered, 1),
            "cache_hit_rate": round(counters.hit_rate, 4),
        }
    row = {
        "scenario": load.scenario,
        "system": "pintower",
        "load": "closed",
        "level": result.concurrency,
        "candidates": len(load.requests[0].pin_ids),
        **result.row(),
        "repeat_share": round(load.repeat_share, 4),
        "cache_hit_rate": round(result.hit_rate(cached), 4),
        "failures": result.counters(_ENSEMBLE).failure,
        "steps": steps,
        "rounds": [
            {
                "throughput": one.throughput,
                "p50_ms": one.p50_ms,
                "p99_ms": one.p99_ms,
                "yardstick_ms": pace,
            }
            for one, pace in zip(results, paces, strict=True)
        ],
    }
    logger.info(
        "%s, concurrency %d: %.0f requests/s, p50 %.2f ms, p99 %.2f ms, cache hits %.0f %%",
        load.scenario, row["concurrency"], row["throughput"], row["p50_ms"], row["p99_ms"],
        100 * row["cache_hit_rate"],
    )  # fmt: skip
    return row


def _headline(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return p50, p99 and throughput of every scenario at its lowest concurrency."""
    lowest: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        best = lowest.get(row["scenario"])
        if best is None or row["concurrency"] < best["concurrency"]:
            lowest[row["scenario"]] = row
    return {
        f"{scenario}_{figure}": row[figure]
        for scenario, row in lowest.items()
        for figure in ("p50_ms", "p99_ms", "throughput", "cache_hit_rate")
    }
