"""The roofline: how fast a served graph could be on this machine, and how fast it is.

A graph's products take at least their operations over the machine's rate of arithmetic, and at
least their weights' bytes over its rate of reading (Williams, Waterman and Patterson, "Roofline",
2009). Both rates are measured here, on one core: arithmetic by the largest product that the same
ONNX Runtime does, reading by a dot product over as many bytes as the weights have. Attention's own
products, below 1 % at these lengths, and everything between the products are not in the bound.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from threadpoolctl import threadpool_limits

from pintower.contracts import Contract
from pintower.models.layout import read_rendering
from pintower.models.onnx_session import OnnxGraph, open_graph
from pintower.models.tokenization import open_tokenizer
from pintower.text.rendering import render_query
from pintower.text.token_ids import id_rows

__all__ = ["LENGTHS", "Bound", "Ceilings", "Work", "graph_work", "measure_roofline"]

LENGTHS = (8, 16, 32)
"""Tokens of the queries that the encoder is timed on."""

_CANDIDATES = (100, 1_000)
_SIZE = 1_024
_SECONDS = 0.3
"""Each figure is the median of as many calls as fit in."""


@dataclass(frozen=True)
class Work:
    """What a graph's products take.

    Attributes:
        int8_operations: multiplications and additions with 8-bit weights, a row (token, pin).
        float_operations: the same with other weights.
        weight_bytes: of the weights of all products.
    """

    int8_operations: int
    float_operations: int
    weight_bytes: int


@dataclass(frozen=True)
class Ceilings:
    """What one core of the machine does, at best.

    Attributes:
        int8_gops: thousand million operations a second with 8-bit numbers.
        float_gops: the same in fp32.
        read_gbs: thousand million bytes read a second.
    """

    int8_gops: float
    float_gops: float
    read_gbs: float


@dataclass(frozen=True)
class Bound:
    """A graph's time against its roofline; milliseconds.

    Attributes:
        graph: its name.
        rows: tokens of the query, or candidates.
        arithmetic_ms: the operations alone.
        reading_ms: the weights' bytes alone.
        measured_ms: median.
        over_roofline: measured over the larger of the two.
    """

    graph: str
    rows: int
    arithmetic_ms: float
    reading_ms: float
    measured_ms: float
    over_roofline: float


def measure_roofline(repository: Path, queries: Sequence[str]) -> dict[str, Any]:
    """Return ceilings, work and bounds of a release's served graphs, as JSON.

    Args:
        repository: a built one, for the CPU.
        queries: real ones; they are strung together to the wanted length.
    """
    contract = Contract.load(repository / "contract.json")
    (rendering,) = repository.glob("tokenizer/*/text.json")
    rules = read_rendering(rendering)
    text = open_tokenizer(rendering.with_name("tokenizer.json"), rules.query_max_tokens)
    words = " ".join(render_query(query, rules) for query in queries[:200])
    told: dict[str, Any] = {
        "onnxruntime": ort.__version__,
        "bounds": [],
        "ceilings": {},
        "work": {},
    }
    with threadpool_limits(1):
        for name, feeds in (
            ("query_encoder", _queries(contract, text, words)),
            ("scorer", _candidates(contract)),
        ):
            (path,) = repository.glob(f"{name}/*/model.onnx")
            graph = open_graph(path, contract.graphs[name])
            work = graph_work(path, {"QUERY_EMBEDDING"})
            ceilings = _ceilings(work)
            told["work"][name] = asdict(work)
            told["ceilings"][name] = asdict(ceilings)
            for rows, inputs in feeds.items():
                told["bounds"].append(asdict(_bound(graph, name, rows, inputs, work, ceilings)))
    return told


def graph_work(path: Path, fixed: set[str]) -> Work:
    """Return what the products of a graph's weights take.

    Args:
        path: of the ONNX file.
        fixed: inputs that come once a request, whatever the number of rows: products of them alone
            are left out of the operations.
    """
    model = onnx.load(path)
    graph = model.graph
    weights = {item.name: item for item in graph.initializer}
    matrices = _matrices(onnx.shape_inference.infer_shapes(model).graph)
    rows = {item.name for item in graph.input} - fixed - set(weights)
    operations = {True: 0, False: 0}
    size = 0
    for node in graph.node:
        varies = any(name in rows for name in node.input)
        if varies:
            rows.update(node.output)
        if node.op_type not in _PRODUCTS:
            continue
        for name in node.input:
            held = weights.get(name)
            if held is None or len(held.dims) != 2:
                continue
            count = int(np.prod(held.dims))
            eight = held.data_type in (TensorProto.INT8, TensorProto.UINT8)
            operations[eight] += 2 * count if varies else 0
            size += count * numpy_helper.to_array(held).itemsize
        right = node.input[1] if len(node.input) > 1 else ""
        if varies and right in matrices and right not in rows:  # weights made once a request
            operations[False] += 2 * matrices[right]
            size += 4 * matrices[right]
    return Work(operations[True], operations[False], size)


def _matrices(graph: onnx.GraphProto) -> dict[str, int]:
    """Return the number of elements of each computed matrix whose shape is known."""
    shapes = {
        item.name: [dim.dim_value for dim in item.type.tensor_type.shape.dim]
        for item in graph.value_info
    }
    return {
        name: int(np.prod(dims)) for name, dims in shapes.items() if len(dims) == 2 and all(dims)
    }


_PRODUCTS = {
    "Attention", "FusedMatMul", "Gemm", "MatMul", "MatMulInteger", "QAttention", "QGemm",
    "QLinearMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul",
}  # fmt: skip


def _queries(contract: Contract, tokenizer: Any, words: str) -> dict[int, list[NDArray[Any]]]:
    """Return the encoder's inputs for a query of each length: real words, cut."""
    width = contract.symbols["T"]
    ids: list[int] = tokenizer.encode(words).ids
    extra = contract.symbols["Q"]
    return {
        length: [
            id_rows([[*ids[: length - 1], ids[-1]]], width),
            *([np.zeros((1, extra), np.float32)] if extra else []),
        ]
        for length in LENGTHS
        if length <= len(ids)
    }


def _candidates(contract: Contract) -> dict[int, list[NDArray[Any]]]:
    random = np.random.default_rng(0)
    width, features = contract.symbols["D"], contract.symbols["F"]
    sizes = [(1, width), (-1, width), (-1, features)]
    return {
        count: [
            random.normal(size=[count if n < 0 else n for n in size]).astype(np.float32)
            for size in sizes
        ]
        for count in _CANDIDATES
    }


def _bound(
    graph: OnnxGraph,
    name: str,
    rows: int,
    inputs: Sequence[NDArray[Any]],
    work: Work,
    ceilings: Ceilings,
) -> Bound:
    arithmetic = rows * (
        work.int8_operations / ceilings.int8_gops + work.float_operations / ceilings.float_gops
    )
    read = work.weight_bytes + sum(array.nbytes for array in inputs)
    bounds = (arithmetic / 1e6, read / ceilings.read_gbs / 1e6)
    measured = 1e3 * _median(lambda: graph.run(*inputs))
    return Bound(name, rows, *bounds, measured, measured / max(bounds))


def _ceilings(work: Work) -> Ceilings:
    operations = 2 * _SIZE**3 / 1e9
    random = np.random.default_rng(0)
    floats = random.normal(size=(_SIZE, _SIZE)).astype(np.float32)
    bytes_ = random.integers(0, 127, (_SIZE, _SIZE)).astype(np.uint8)
    numbers = np.ones(max(work.weight_bytes // 4, 2**18), np.float32)
    return Ceilings(
        int8_gops=operations / _median(_product("MatMulInteger", bytes_, bytes_.astype(np.int8))),
        float_gops=operations / _median(_product("MatMul", floats, floats)),
        read_gbs=numbers.nbytes / 1e9 / _median(lambda: np.dot(numbers, numbers)),
    )


def _product(kind: str, left: NDArray[Any], right: NDArray[Any]) -> Callable[[], object]:
    """Return one product of two matrices, the right one a weight, in ONNX Runtime on one thread."""
    types = {"MatMul": (TensorProto.FLOAT,) * 2, "MatMulInteger": (TensorProto.UINT8, 6)}[kind]
    graph = helper.make_graph(
        [helper.make_node(kind, ["left", "right"], ["product"])],
        "product",
        [helper.make_tensor_value_info("left", types[0], left.shape)],
        [helper.make_tensor_value_info("product", types[1], (len(left), right.shape[1]))],
        [numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"left": left})


def _median(call: Callable[[], object]) -> float:
    """Return the median seconds of a call, warm."""
    for _ in range(5):
        call()
    taken: list[float] = []
    end = time.perf_counter() + _SECONDS
    while time.perf_counter() < end or len(taken) < 20:
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken))
