"""The ensembles on the genuine tritonserver, in a closed loop by the genuine perf_analyzer."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from pintower.accelerators import TensorRTAccelerator
from pintower.bench.load import (
    Load,
    as_rows,
    log_load,
    unique_load,
    warmup_load,
    with_vectors,
)
from pintower.contracts import Contract
from pintower.errors import InputError
from pintower.serving.addresses import Addresses, free_addresses
from pintower.serving.environment import ServerEnvironment, ensure_environment
from pintower.serving.layout import read_layout
from pintower.serving.load_results import LoadResult
from pintower.serving.perf_analyzer import Row as Inputs
from pintower.serving.perf_analyzer import run_load
from pintower.serving.perf_process import HaltedError
from pintower.serving.server import TritonServer

from .section import Budget, Emit, Row, Settings, told

__all__ = ["measure"]

TARGETS = {
    "cuda": ("gpu-fp16", "gpu-fp32", "gpu-tensorrt-fp16"),
    "cpu": ("cpu-fp32", "cpu-int8-static"),
}
CONCURRENCY = (1, 2, 4, 8, 16, 32, 64)
CANDIDATES = 100
WARMUP = 256
SMALL_CACHE = 2**16
"""Bytes of a cache that holds fewer queries than a pass sends: sent again, each is new again."""
CACHE = 2**28
STARTUP_SECONDS = {"cuda": 120.0, "tensorrt": 300.0, None: 120.0}
STEPS = ("tokenizer", "query_encoder", "pin_features", "scorer")


@dataclass(frozen=True)
class Bench:
    """One target's repository and how it is served.

    Attributes:
        target: its name.
        repository: its model repository.
        environment: the server's.
        cached: the model that has the response cache.
        startup_seconds: models may take to load.
    """

    target: str
    repository: Path
    environment: ServerEnvironment
    cached: str
    startup_seconds: float


def measure(settings: Settings, emit: Emit) -> None:
    """Tell throughput and percentiles of both ensembles, for every target and load."""
    budget = Budget(settings.seconds)
    found = ensure_environment(any_onnxruntime=settings.any_onnxruntime)
    environment = gpu_ready(found, settings)
    layout = read_layout(environment.folder)
    names = ("nvidia-pytriton", "onnxruntime", "onnxruntime-gpu", "tritonclient", "numpy")
    packages = {name: layout.package_version(name) for name in names}
    emit({"server_versions": {name: version for name, version in packages.items() if version}})
    steps = (1, 8, 64) if settings.quick else CONCURRENCY
    for target in TARGETS[settings.device]:
        with told(emit, {"target": target}):
            budget.require()
            bench = open_bench(settings.carry / target, environment)
            folders = (settings.carry / target / "data", settings.carry / target / "pins")
            sizes = (300 if settings.quick else 1_000, CANDIDATES)
            unique, log = (build(*folders, *sizes) for build in (unique_load, log_load))
            warmup = warmup_load(*folders, unique, WARMUP, CANDIDATES)
            loads = (with_vectors(load, folders[0], bench.repository) for load in (unique, log))
            unique, log = loads
            warmup = with_vectors(warmup, folders[0], bench.repository)
            _unique(bench, unique, warmup, steps, budget, emit)
            _replay(bench, log, warmup, steps, budget, emit)


def gpu_ready(environment: ServerEnvironment, settings: Settings) -> ServerEnvironment:
    """Return a server environment whose ONNX Runtime finds CUDA's libraries in pip's packages."""
    if settings.device == "cpu":
        return environment
    packages = read_layout(environment.folder).site_packages
    folders = [environment.library_path, *map(str, sorted(packages.glob("nvidia/*/lib")))]
    folders += [] if settings.tensorrt is None else [str(settings.tensorrt)]
    return replace(environment, library_path=":".join(folders))


def open_bench(build: Path, environment: ServerEnvironment) -> Bench:
    """Return a build ready to be served; TensorRT gets its folder of engines.

    Raises:
        PintowerError: if the folder holds no finished build.
    """
    contract = Contract.load(build / "models" / "contract.json")
    if contract.symbols["Q"]:
        raise InputError("This bench sends no feature vectors of queries, which the release takes.")
    accelerator = contract.target.accelerator
    if isinstance(accelerator, TensorRTAccelerator):
        artifact = contract.graphs["query_encoder"].artifact_id[:16]
        (Path(accelerator.engine_cache) / artifact).mkdir(parents=True, exist_ok=True)
    kind = None if accelerator is None else accelerator.kind
    return Bench(
        contract.target.name,
        build / "models",
        environment,
        contract.target.cached_model,
        STARTUP_SECONDS[kind],
    )


def _unique(
    bench: Bench, load: Load, warmup: Load, steps: Sequence[int], budget: Budget, emit: Emit
) -> None:
    """Send every query once, to one server whose cache is too small to answer any of them."""
    models = {"relevance": as_rows, "query_embedding": _queries_only}
    addresses = free_addresses()
    with _server(bench, addresses, SMALL_CACHE):
        for model, as_inputs in models.items():
            row = {"target": bench.target, "model": model, "load": "unique"}
            before = as_inputs(warmup)
            for step in steps:
                with told(emit, {**row, "concurrency": step}):
                    budget.require()
                    rows = as_inputs(load)
                    found = _again(partial(_send, bench, addresses, model, rows, before, step))
                    emit({**row, **_figures(bench, found)})
                before = []


def _replay(
    bench: Bench, load: Load, warmup: Load, steps: Sequence[int], budget: Budget, emit: Emit
) -> None:
    """Replay the log, each time to a fresh server with an empty cache."""
    row = {"target": bench.target, "model": "relevance", "load": "log"}
    for step in steps:
        with told(emit, {**row, "concurrency": step}):
            budget.require()
            found = _again(partial(_replayed, bench, load, warmup, step))
            emit({**row, "repeat_share": round(load.repeat_share, 4), **_figures(bench, found)})


def _replayed(bench: Bench, load: Load, warmup: Load, step: int) -> LoadResult:
    addresses = free_addresses()
    with _server(bench, addresses, CACHE):
        return _send(bench, addresses, "relevance", as_rows(load), as_rows(warmup), step)


def _again(sending: Callable[[], LoadResult]) -> LoadResult:
    """Send up to three times: with 64 in flight perf_analyzer often comes to a halt half-way.

    Nothing that was answered before helps: the cache is too small, or the server a new one.
    """
    for _ in range(2):
        with suppress(HaltedError):
            return sending()
    return sending()


def _server(bench: Bench, addresses: Addresses, cache_bytes: int) -> TritonServer:
    return TritonServer(
        bench.environment,
        bench.repository,
        addresses=addresses,
        cache_bytes=cache_bytes,
        timeout=bench.startup_seconds,
    )


def _send(
    bench: Bench,
    addresses: Addresses,
    model: str,
    rows: Sequence[Inputs],
    warmup: Sequence[Inputs],
    concurrency: int,
) -> LoadResult:
    """Send rows once; the warm-up goes with most in flight, so that merged batches come up."""
    send = partial(run_load, bench.environment, addresses, model)
    if warmup:
        send(warmup, concurrency=min(max(CONCURRENCY), len(warmup)))
    return send(rows, concurrency=concurrency)


def _figures(bench: Bench, found: LoadResult) -> Row:
    """Return a pass's figures; a step's are the server's own, microseconds a request."""
    counters = {s: found.counters(bench.cached if s == "query_encoder" else s) for s in STEPS}
    return {
        **found.row(),
        "cache_hit_rate": round(found.hit_rate(bench.cached), 4),
        "failures": found.counters(found.model).failure,
        "steps_us": {
            step: round(item.request_us / max(1, item.success), 1)
            for step, item in counters.items()
        },
    }


def _queries_only(load: Load) -> list[Inputs]:
    """Return what perf_analyzer sends to the ensemble ``query_embedding``."""
    return [{"QUERY": np.array([item.query], dtype=np.object_)} for item in load.requests]
