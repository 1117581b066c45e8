"""What a request to the ensemble costs beyond the query encoder, on a cache hit and on a miss.

    .venv/bin/python bench/ensemble_latency.py artifacts/demo

serves the work folder's repository and sends the log's distinct queries one at a time through the
genuine perf_analyzer, gRPC on loopback: once with every query new, once with every query sent
before. Between the passes the query encoder runs alone, in the server environment's ONNX Runtime,
on the same queries. Rounds are interleaved, each pass has a freshly started server. All of it
twice: with CPUs that sleep when idle, as they come, and with CPUs kept awake (``pintower serve
--wakeful``), where the user may. Then the number of candidates goes from 0 to 5,000, queries
cached. Writes ``bench/results/<name>_ensemble_latency-<device>.json`` and ``.svg``.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from collect import RESULTS, keep
from matplotlib.figure import Figure

from pintower.artifacts import read_json
from pintower.bench.load import Load, Request, as_rows, unique_load, warmup_load
from pintower.bench.machine import commit, device, versions
from pintower.client import Client
from pintower.contracts import Contract
from pintower.errors import InputError, PintowerError
from pintower.figures import COLOURS, INK, plot_style, to_svg
from pintower.models.tokenization import open_tokenizer
from pintower.progress import track
from pintower.repository.wire import Wire, texts
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ServerEnvironment, ensure_environment
from pintower.serving.layout import read_layout
from pintower.serving.load_results import LoadResult
from pintower.serving.perf_analyzer import run_load
from pintower.serving.server import TritonServer
from pintower.serving.wakeful import CPU_LATENCY, wakeful_cpus
from pintower.text.rendering import Rendering, render_query

STEPS = ("tokenizer", "query_encoder", "pin_features", "scorer")
CANDIDATES = (1, 20, 100, 500, 1_000, 2_000, 5_000)
METHOD = (
    "perf_analyzer, one request in flight, gRPC on loopback, on the machine that serves. miss: "
    "every query new; hit: the same queries, all sent before. Each pass has a freshly started "
    "server. encoder_ms: the query encoder alone in the server's ONNX Runtime, on the same "
    "queries, between the passes. wakeful: with idle CPUs kept from sleeping, as by pintower serve "
    "--wakeful; all else as the machine comes. Medians over all requests of all rounds. Steps are "
    "the server's counters. 0 candidates: by the Python client, which perf_analyzer cannot send; 1 "
    "by both. first_request: a new query over a connection that stands, right after the server is "
    "ready, against the median of later ones (steady) and of later ones after a second's pause "
    "(paused), Python client."
)
PAUSES = 8
WARM_UP = 100


def main() -> None:
    """Measure, write the result and the plot, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workdir", type=Path, help="work folder of a finished run or build")
    parser.add_argument("--requests", type=int, default=400, help="distinct queries a pass")
    parser.add_argument("--rounds", type=int, default=5, help="of encoder, miss, hit")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    given = parser.parse_args()
    try:
        result = measure(given.workdir, given.requests, given.rounds)
    except PintowerError as error:
        sys.exit(f"error: {error}")
    keep(result, plot(result["rows"]), given.out)


def measure(workdir: Path, requests: int, rounds: int) -> dict[str, Any]:
    """Return the whole result.

    Raises:
        PintowerError: if the folder is not finished or a server does not start.
    """
    repository = workdir / "models"
    environment = ensure_environment(Contract.load(repository / "contract.json").target.triton)
    load = unique_load(workdir / "data", workdir / "pins", requests, 100)
    warmup = warmup_load(workdir / "data", workdir / "pins", load, WARM_UP, 100)
    if read_json(repository / "contract.json")["symbols"]["Q"]:
        raise InputError("This bench sends no feature vectors of queries, which the release takes.")
    states = {"": contextlib.nullcontext}
    if os.access(CPU_LATENCY, os.W_OK):
        states["wakeful "] = wakeful_cpus
    alone: dict[str, list[float]] = {state: [] for state in states}
    passes: dict[str, list[LoadResult]] = {
        f"{state}{kind}": [] for state in states for kind in ("miss", "hit")
    }
    for _ in track(range(rounds), "measuring hits and misses", unit="rounds"):
        for state, entered in states.items():
            with entered():
                alone[state] += encoder_alone(environment, workdir / "export", load)
                for kind, before in (("miss", warmup), ("hit", load)):
                    found = send(environment, repository, load, before)
                    passes[f"{state}{kind}"].append(found)
    rows = [row(kind, 100, found) for kind, found in passes.items()]
    first = [first_request(environment, repository, load) for _ in range(rounds)]
    for count in track(CANDIDATES, "measuring candidates", unit="numbers of candidates"):
        fewer = unique_load(workdir / "data", workdir / "pins", max(100, requests // 2), count)
        rows.append(row("candidates", count, [send(environment, repository, fewer, fewer)]))
    rows += few_candidates(environment, repository, load)
    p50 = {item["scenario"]: item["p50_ms"] for item in rows if item["scenario"] in passes}
    return {
        "name": f"{workdir.resolve().name}_ensemble_latency",
        "command": "python bench/ensemble_latency.py WORKDIR",
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        "backend": "pintower's strict python-based onnxruntime backend, ONNX Runtime "
        f"{read_layout(environment.folder).package_version('onnxruntime')}",
        "target": read_json(repository / "release.json")["target"],
        "method": METHOD,
        "queries": len(load.requests),
        "encoder_ms": {f"{state}encoder": summary(taken) for state, taken in alone.items()},
        "first_request": first,
        "rows": rows,
        "headline": {
            **{
                f"{state.strip()}_{name}".lstrip("_"): figure
                for state in states
                for name, figure in {
                    "hit_p50_ms": p50[f"{state}hit"],
                    "miss_p50_ms": p50[f"{state}miss"],
                    "encoder_p50_ms": summary(alone[state])["p50"],
                    "miss_minus_encoder_ms": round(
                        p50[f"{state}miss"] - summary(alone[state])["p50"], 3
                    ),
                }.items()
            },
            "first_over_steady": middle(item["first_ms"] / item["steady_ms"] for item in first),
            "first_over_paused": middle(item["first_ms"] / item["paused_ms"] for item in first),
        },
    }


def encoder_alone(environment: ServerEnvironment, export: Path, load: Load) -> list[float]:
    """Return the milliseconds of the query encoder on each query of a load."""
    contract = Contract.load(export / "contract.json")
    rendering = Rendering.load(export / "text.json")
    tokenizer = open_tokenizer(export / "tokenizer.json", rendering.query_max_tokens)
    ids = [tokenizer.encode(render_query(item.query, rendering)).ids for item in load.requests]
    command = [
        str(environment.python),
        "-I",
        str(Path(__file__).with_name("encoder_alone.py")),
        str(export / contract.graphs["query_encoder"].file),
        str(contract.target.threads["query_encoder"].intra_op),
    ]
    done = subprocess.run(
        command, input=json.dumps(ids), stdout=subprocess.PIPE, text=True, check=True
    )
    taken: list[float] = json.loads(done.stdout)
    return taken


def send(environment: ServerEnvironment, repository: Path, load: Load, before: Load) -> LoadResult:
    """Start a server, send one load unmeasured and the other measured."""
    addresses = free_addresses()
    with TritonServer(environment, repository, addresses=addresses):
        return run_load(
            environment,
            addresses,
            "relevance",
            as_rows(load),
            concurrency=1,
            warmup=as_rows(before),
        )


def first_request(environment: ServerEnvironment, repository: Path, load: Load) -> dict[str, float]:
    """Start a server, connect, and time its first request and others after it."""
    addresses = free_addresses()
    with (
        TritonServer(environment, repository, addresses=addresses),
        Client(addresses.grpc_url) as client,
    ):
        client.ready()  # connects
        taken = [timed(client, item) for item in load.requests[:-PAUSES]]
        paused = []
        for item in load.requests[-PAUSES:]:
            time.sleep(1)
            paused.append(timed(client, item))
    return {
        "first_ms": round(taken[0], 3),
        "steady_ms": middle(taken[len(taken) // 4 :]),
        "paused_ms": middle(paused),
    }


def few_candidates(
    environment: ServerEnvironment, repository: Path, load: Load
) -> list[dict[str, Any]]:
    """Return the figures of no and of one candidate, queries cached, by the Python client."""
    addresses = free_addresses()
    found = []
    with (
        TritonServer(environment, repository, addresses=addresses),
        Wire(addresses.grpc_url) as wire,
    ):
        for count in (1, 0, 1):  # the first warms up
            taken = []
            for item in load.requests:
                pin_ids = [pin_id.encode() for pin_id in item.pin_ids[:count]]
                inputs = {
                    "QUERY": texts(item.query.encode(), shape=(1, 1)),
                    "PIN_IDS": texts(*pin_ids),
                }
                begin = time.perf_counter()
                wire.infer("relevance", inputs)
                taken.append(1e3 * (time.perf_counter() - begin))
            told = summary(taken)
            found.append(
                {
                    "scenario": "candidates, Python client",
                    "candidates": count,
                    "requests": len(taken),
                    "p50_ms": told["p50"],
                    "p99_ms": told["p99"],
                }
            )
    return found[1:]


def timed(client: Client, item: Request) -> float:
    """Return the milliseconds of one request."""
    begin = time.perf_counter()
    client.rank(item.query, item.pin_ids)
    return 1e3 * (time.perf_counter() - begin)


def middle(values: Iterable[float]) -> float:
    """Return the median."""
    return round(float(np.median([*values])), 3)


def row(scenario: str, candidates: int, results: Sequence[LoadResult]) -> dict[str, Any]:
    """Return the figures of some passes taken together."""
    taken = np.concatenate([result.timings.latencies_ms for result in results])
    steps = {}
    for step in STEPS:
        counters = [result.counters(step) for result in results]
        answered = max(1, sum(item.success for item in counters))
        steps[step] = {
            "request_us": round(sum(item.request_us for item in counters) / answered, 1),
            "infer_us": round(sum(item.compute_infer_us for item in counters) / answered, 1),
            "cache_hit_rate": round(sum(item.cache_hits for item in counters) / answered, 4),
        }
    found = summary(taken)
    return {
        "scenario": scenario,
        "candidates": candidates,
        "requests": len(taken),
        "p50_ms": found["p50"],
        "p99_ms": found["p99"],
        "rounds_p50_ms": [summary(result.timings.latencies_ms)["p50"] for result in results],
        "steps": steps,
    }


def summary(taken: Any) -> dict[str, float]:
    """Return median and 99th percentile of milliseconds."""
    return {f"p{share}": round(float(np.percentile(taken, share)), 4) for share in (50, 99)}


def plot(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return milliseconds against the number of candidates, as SVG."""
    points = [item for item in rows if item["scenario"] == "candidates"]
    with plot_style():
        figure = Figure(figsize=(7.2, 3.6))
        axes = figure.add_subplot()
        counts = [item["candidates"] for item in points]
        for number, share in enumerate(("p50", "p99")):
            taken = [item[f"{share}_ms"] for item in points]
            axes.plot(counts, taken, "o-", color=COLOURS[number], label=share)
        other = [item for item in rows if item["scenario"] == "candidates, Python client"]
        axes.plot(
            [item["candidates"] for item in other], [item["p50_ms"] for item in other], "o",
            markerfacecolor="none", color=COLOURS[2], label="p50, Python client, 0 and 1",
        )  # fmt: skip
        axes.set_xlabel("candidates a request, query cached")
        axes.set_ylabel("milliseconds")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, labelcolor=INK)
    return to_svg(figure)


if __name__ == "__main__":
    main()
