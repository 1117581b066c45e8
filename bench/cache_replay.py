"""Does Triton's cache hit as often as an LRU of the same bytes, and how far is that from the limit?

    .venv/bin/python bench/cache_replay.py artifacts/demo --trace scarab-recs.trace.xz

sends the work folder's query log, and a trace of keys as distinct queries, one at a time through
the genuine server's ``query_embedding`` by perf_analyzer, with caches of several sizes, and holds
the query encoder's hits to what `pintower plan-cache` computes. Then says, without a server, how
skewed a log has to be for 85 % hits, and in how many MiB. Writes
``bench/results/cache_replay-<device>.json`` and ``.svg``.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from collect import RESULTS, keep
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pintower.artifacts import read_json
from pintower.bench.cache_plan import CachePlan, plan_cache, trace_queries
from pintower.bench.load import logged_queries
from pintower.bench.machine import commit, device, versions
from pintower.errors import PintowerError
from pintower.figures import COLOURS, INK, plot_style, to_svg
from pintower.progress import track
from pintower.serving.addresses import free_addresses
from pintower.serving.cache_model import replay as lru
from pintower.serving.environment import ServerEnvironment, ensure_environment
from pintower.serving.perf_analyzer import run_load
from pintower.serving.server import TritonServer

MIB = 2**20
WANTED = 0.85
SIZES = (MIB // 4, MIB, 4 * MIB, 16 * MIB)
METHOD = (
    "perf_analyzer, one request in flight, every request of the stream once, in order, to the "
    "ensemble query_embedding of a freshly started server for each size. hit_rate: the query "
    "encoder's cache hits over its answered requests. lru: the same stream through an LRU of the "
    "same bytes. limit: through a cache that drops nothing. A trace's keys are distinct texts, "
    "made of the log's queries and a number. skews: as many requests drawn from 100,000 queries "
    "whose frequencies fall with rank to the power of the exponent (Zipf), through an LRU only. "
    "zipf_exponent: of a stream's 1,000 most frequent queries, by least squares."
)
SKEWS = tuple(round(0.5 + 0.1 * step, 1) for step in range(11))
QUERIES = 100_000


def main() -> None:
    """Measure, write the result and the plot, print the headline."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workdir", type=Path, help="work folder of a finished run")
    parser.add_argument("--trace", type=Path, help="64-bit big-endian keys, .xz or not")
    parser.add_argument("--requests", type=int, default=50_000, help="of each stream, at most")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    try:
        result = measure(given.workdir, given.trace, given.requests)
    except PintowerError as error:
        sys.exit(f"error: {error}")
    keep(result, plot(result), given.out)


def measure(workdir: Path, trace: Path | None, requests: int) -> dict[str, Any]:
    """Return the whole result.

    Raises:
        PintowerError: if the folder is not finished, a server does not start or the trace is none.
    """
    environment = ensure_environment()
    log = logged_queries(workdir / "data")
    streams = {"log": log[:requests]}
    if trace is not None:
        streams["trace"] = trace_queries(trace, list(dict.fromkeys(log)), requests)
    curves = {name: plan_cache(queries, workdir / "models") for name, queries in streams.items()}
    rows = []
    for name, size in track(
        [(name, size) for name in streams for size in SIZES],
        "replaying through the server", unit="replays",
    ):  # fmt: skip
        plan = curves[name]
        rates = dict(zip(plan.sizes, plan.hit_rates, strict=True))
        served = replay(environment, workdir / "models", streams[name], size)
        rows.append(
            {
                "stream": name,
                "requests": plan.requests,
                "distinct": plan.distinct,
                "cache_mib": size / MIB,
                "hit_rate": round(served, 5),
                "lru": round(rates.get(size, plan.limit), 5),  # beyond the last all fits
                "limit": round(plan.limit, 5),
            }
        )
    return {
        "name": "cache_replay",
        "command": "python bench/cache_replay.py WORKDIR --trace TRACE",
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        "target": read_json(workdir / "models" / "release.json")["target"],
        "method": METHOD,
        "rows": rows,
        "curves": {
            name: {**curve(plan), "zipf_exponent": zipf_exponent(streams[name])}
            for name, plan in curves.items()
        },
        "skews": (drawn := skews(requests, round(curves["log"].bytes_a_query))),
        "headline": {
            **headline(rows, curves),
            "skew_for_85_percent": next(
                (item["exponent"] for item in drawn if item["limit"] >= WANTED), None
            ),
        },
    }


def skews(requests: int, size: int) -> list[dict[str, Any]]:
    """Return what logs of different skews would hit, by exponent, ascending.

    Args:
        requests: of each log.
        size: bytes of an entry.
    """
    random, found = np.random.default_rng(7), []
    sizes = [MIB * 2**power for power in range(-4, 7)]
    for exponent in SKEWS:
        weights = np.arange(1, QUERIES + 1, dtype=np.float64) ** -exponent
        keys = random.choice(QUERIES, requests, p=weights / weights.sum())
        *hits, limit = lru(((int(key), size) for key in keys), [*sizes, None])
        reach = [
            place for place, count in zip(sizes, hits, strict=True) if count >= WANTED * requests
        ]
        found.append(
            {
                "exponent": exponent,
                "limit": round(limit / requests, 4),
                "mib_for_85_percent": min(reach) / MIB if reach else None,
            }
        )
    return found


def zipf_exponent(queries: Sequence[str]) -> float:
    """Return by which power of their rank a stream's most frequent queries become rarer."""
    counts = np.sort(np.unique(np.array(queries), return_counts=True)[1])[::-1][:1_000]
    slope, _ = np.polyfit(np.log(np.arange(1, len(counts) + 1)), np.log(counts), 1)
    return round(-float(slope), 3)


def replay(
    environment: ServerEnvironment, repository: Path, queries: Sequence[str], size: int
) -> float:
    """Return the query encoder's hit rate over a stream."""
    addresses = free_addresses()
    with TritonServer(environment, repository, addresses=addresses, cache_bytes=size):
        result = run_load(
            environment,
            addresses,
            "query_embedding",
            [{"QUERY": np.array([query], dtype=np.object_)} for query in queries],
            concurrency=1,
            timeout=3_600,
        )
    return result.hit_rate("query_encoder")


def curve(plan: CachePlan) -> dict[str, Any]:
    """Return what a cache of every size would hit."""
    return {
        "cache_mib": [size / MIB for size in plan.sizes],
        "lru": [round(rate, 5) for rate in plan.hit_rates],
        "limit": round(plan.limit, 5),
        "bytes_a_query": round(plan.bytes_a_query, 1),
        "mib_for_85_percent": None if plan.wanted_size is None else plan.wanted_size / MIB,
    }


def headline(
    rows: Sequence[Mapping[str, Any]], curves: Mapping[str, CachePlan]
) -> dict[str, float | None]:
    """Return the largest cache's hit rates, and how far a server was from its LRU at most."""
    largest = {row["stream"]: row for row in sorted(rows, key=lambda row: row["cache_mib"])}
    return {
        "demo_hit_rate": largest["log"]["hit_rate"],
        "trace_hit_rate": largest["trace"]["hit_rate"] if "trace" in largest else None,
        "max_gap_to_lru_limit": round(max(abs(row["hit_rate"] - row["lru"]) for row in rows), 5),
        **{f"{name}_limit": round(plan.limit, 5) for name, plan in curves.items()},
    }


def plot(result: Mapping[str, Any]) -> str:
    """Return hit rate against size as SVG: lines computed, dots served."""
    with plot_style():
        figure = Figure(figsize=(7.2, 3.6))
        axes = figure.add_subplot()
        for number, (name, found) in enumerate(result["curves"].items()):
            colour = COLOURS[number]
            axes.plot(found["cache_mib"], [100 * rate for rate in found["lru"]], color=colour,
                      label=f"{name}: LRU of the same bytes")  # fmt: skip
            axes.axhline(100 * found["limit"], color=colour, linestyle=":", linewidth=1)
            dots = [row for row in result["rows"] if row["stream"] == name]
            sizes, rates = zip(*((row["cache_mib"], row["hit_rate"]) for row in dots), strict=True)
            served = [100 * rate for rate in rates]
            axes.scatter(sizes, served, color=colour, label=f"{name}: served", zorder=3)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("response cache, MiB (dotted: a cache that drops nothing)")
        axes.set_ylabel("query encoder's hits, %")
        axes.set_ylim(0, 100)
        axes.legend(frameon=False, labelcolor=INK, fontsize=8)
    return to_svg(figure)


if __name__ == "__main__":
    main()
