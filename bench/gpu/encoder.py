"""The query encoder alone: ids in CPU memory to embeddings in CPU memory, by every runtime."""

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.peers.queries import Query, read_queries
from pintower.contracts import Contract
from pintower.models.tokenization import open_tokenizer
from pintower.text.rendering import Rendering
from pintower.text.token_ids import ANY_PADDING

from .runtimes import Providers, at_length, load_module, open_session, prepare_libraries
from .section import Budget, Emit, Settings, told

__all__ = ["measure", "real_rows"]

Ids = NDArray[np.int64]
Run = Callable[[Ids], NDArray[np.float32]]

LENGTHS = (16, 8, 32)
BATCHES = (1, 8, 64)
INPUTS = 16
"""Different inputs of a cell; the calls go round them."""
WARMUP = 3
CPU: tuple[str, dict[str, str]] = ("CPUExecutionProvider", {})
ROUNDS, CALLS, VISIT_SECONDS = 10, 100, 0.25


@dataclass(frozen=True)
class Contender:
    """A way to run the encoder.

    Attributes:
        name: in the rows.
        open: gives what is called, for a number of tokens and a batch.
    """

    name: str
    open: Callable[[int, int], Run]


def measure(settings: Settings, emit: Emit) -> None:
    """Tell p50 and p99 of every contender in every cell."""
    prepare_libraries(settings, emit)
    budget = Budget(settings.seconds)
    cells = [(tokens, batch) for tokens in LENGTHS for batch in BATCHES]
    if settings.quick:
        cells = [(16, 1), (8, 8), (32, 64)]
    (export, *_) = sorted(settings.carry.glob("*/export"))
    rendering = Rendering.load(export / "text.json")
    tokenizer = open_tokenizer(export / "tokenizer.json", rendering.query_max_tokens)
    queries = read_queries(export.parent / "data", rendering, tokenizer, LENGTHS)
    with tempfile.TemporaryDirectory(prefix="pintower-engines-") as engines:
        contenders = list(_contenders(settings, Path(engines)))
        for tokens, batch in cells:
            rows, exact = real_rows(
                queries.of_length[tokens], queries.stream, export, tokens, batch * INPUTS
            )
            facts = {"tokens": tokens, "batch": batch, "exact_queries": exact}
            _cell(contenders, rows.reshape(INPUTS, batch, tokens), facts, settings, budget, emit)


def real_rows(
    exact: Sequence[Query], others: Sequence[Query], export: Path, tokens: int, count: int
) -> tuple[Ids, int]:
    """Return ids INT64 [count, tokens] and how many of the queries have that length themselves.

    Long queries are rare: where there are fewer than wanted, real queries are joined and cut.
    """
    found = [query.ids for query in exact[:count]]
    cutting = open_tokenizer(export / "tokenizer.json", tokens)
    size = 2 * tokens
    for start in range(count - len(found)):
        texts = [others[(start + step) % len(others)].rendered for step in range(size)]
        found.append(cutting.encode(" ".join(texts)).ids)
    return np.array(found, dtype=np.int64), min(len(exact), count)


def _cell(
    contenders: Sequence[Contender],
    inputs: Ids,
    facts: dict[str, Any],
    settings: Settings,
    budget: Budget,
    emit: Emit,
) -> None:
    """Time all contenders on inputs INT64 [N, B, L], in interleaved rounds."""
    _, batch, tokens = inputs.shape
    runs: dict[str, Run] = {}
    first: dict[str, NDArray[np.float32]] = {}
    for contender in contenders:
        with told(emit, {"contender": contender.name, **facts}):
            budget.require()
            run = contender.open(tokens, batch)
            first[contender.name] = run(inputs[0])
            runs[contender.name] = run
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(2 if settings.quick else ROUNDS):
        for name in list(runs):
            try:
                taken[name] += _visit(runs[name], inputs, 10 if settings.quick else CALLS)
            except Exception as error:
                del runs[name], taken[name]
                emit({"contender": name, **facts, "reason": f"{type(error).__name__}: {error}"})
    reference = first.get(contenders[0].name)
    for name, times in taken.items():
        p50, p99 = np.percentile(times, [50, 99])
        worst = None if reference is None else float((first[name] * reference).sum(axis=1).min())
        emit(
            {
                "contender": name,
                **facts,
                "calls": len(times),
                "p50_ms": round(float(p50), 4),
                "p99_ms": round(float(p99), 4),
                "queries_per_second": round(1e3 * batch / float(p50), 1),
                "min_cosine": None if worst is None else round(worst, 6),
            }
        )


def _visit(run: Run, inputs: Ids, calls: int) -> list[float]:
    """Return the milliseconds of some calls, after a few that are not counted."""
    for ids in inputs[:WARMUP]:
        run(ids)
    taken: list[float] = []
    end = time.perf_counter() + VISIT_SECONDS
    while len(taken) < calls and (len(taken) < 3 or time.perf_counter() < end):
        ids = inputs[len(taken) % len(inputs)]
        begin = time.perf_counter()
        run(ids)
        taken.append(1e3 * (time.perf_counter() - begin))
    return taken


def _contenders(settings: Settings, engines: Path) -> Iterable[Contender]:
    """Yield every way to run the encoder on a device; the first is the reference."""
    student = settings.carry / "student" / "query_encoder"
    carry, device = settings.carry, settings.device

    def torch_in(name: str, dtype: torch.dtype, **compiled: Any) -> Contender:
        return Contender(f"torch {name}", _in_torch(student, device, dtype, compiled))

    yield torch_in("fp32 eager", torch.float32)
    if device == "cpu":
        yield Contender("ONNX Runtime CPU fp32", _in_onnx(carry / "cpu-fp32", lambda _: [CPU]))
        yield torch_in("bf16 eager", torch.bfloat16)
        yield torch_in("fp32 compile", torch.float32, dynamic=False)
        return
    for target, words in (("gpu-fp32", "CUDA fp32"), ("gpu-fp16", "CUDA fp16")):
        yield Contender(f"ONNX Runtime {words}", _in_onnx(carry / target, _cuda(carry / target)))
    yield torch_in("fp16 eager", torch.float16)
    yield torch_in("fp16 compile", torch.float16, dynamic=False)
    yield torch_in("fp16 CUDA graphs", torch.float16, dynamic=False, backend="cudagraphs")
    yield torch_in(
        "fp16 compile, CUDA graphs", torch.float16, dynamic=False, mode="reduce-overhead"
    )
    build = carry / "gpu-tensorrt-fp16"
    yield Contender("ONNX Runtime TensorRT fp16", _in_onnx(build, _tensorrt(engines)))


def _in_torch(
    folder: Path, device: str, dtype: torch.dtype, compiled: dict[str, Any]
) -> Callable[[int, int], Run]:
    """Return what opens the encoder in torch, compiled anew for each cell where it is compiled."""
    module = cache(lambda: load_module(folder, device, dtype))

    def opened(tokens: int, batch: int) -> Run:
        if compiled:
            torch.compiler.reset()  # else the ninth shape would not be compiled any more
        call: Any = torch.compile(module(), **compiled) if compiled else module()
        mask = torch.ones((batch, tokens), dtype=torch.int64, device=device)

        def run(ids: Ids) -> NDArray[np.float32]:
            with torch.inference_mode():
                rows = torch.from_numpy(ids).to(device)
                embeddings: NDArray[np.float32] = (
                    call(rows, mask)["EMBEDDING"].float().cpu().numpy()
                )
            return embeddings

        return run

    return opened


def _in_onnx(build: Path, providers: Callable[[int], Providers]) -> Callable[[int, int], Run]:
    """Return what opens a build's graph in ONNX Runtime; one session for each number of tokens."""

    @cache
    def session(tokens: int) -> Any:
        built = Contract.load(build / "export" / "contract.json").graphs["query_encoder"]
        return open_session(at_length(build / "export" / built.file, tokens), providers(tokens))

    def opened(tokens: int, batch: int) -> Run:
        opened_session = session(tokens)

        def run(ids: Ids) -> NDArray[np.float32]:
            rows = np.full((batch, tokens + 1), ANY_PADDING, dtype=np.int64)
            rows[:, :tokens] = ids
            embeddings: NDArray[np.float32]
            (embeddings,) = opened_session.run(["EMBEDDING"], {"INPUT_IDS": rows})
            return embeddings

        return run

    return opened


def _cuda(build: Path) -> Callable[[int], Providers]:
    """Return CUDA with the options that the target is served with."""

    def providers(tokens: int) -> Providers:
        accelerator = Contract.load(build / "export" / "contract.json").target.accelerator
        own = {} if accelerator is None else accelerator.own
        return [("CUDAExecutionProvider", own), CPU]

    return providers


def _tensorrt(engines: Path) -> Callable[[int], Providers]:
    """Return TensorRT as the target is served with it, and an engine for each length."""

    def providers(tokens: int) -> Providers:
        options = {
            "trt_fp16_enable": "1",
            "trt_layer_norm_fp32_fallback": "1",
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(engines / str(tokens)),
            **{
                f"trt_profile_{name}_shapes": f"INPUT_IDS:{batch}x{tokens + 1}"
                for name, batch in (("min", 1), ("opt", 8), ("max", max(BATCHES)))
            },
        }
        return [("TensorrtExecutionProvider", options), ("CUDAExecutionProvider", {}), CPU]

    return providers
