"""The roofline: work counted in a graph, and bounds of a release's graphs."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pintower.bench.roofline import graph_work


def test_weights_made_once_a_request_count_for_every_row(tmp_path: Path) -> None:
    weights = {"pin": np.zeros((4, 8), np.float32), "product": np.zeros((4, 8), np.float32)}
    nodes = [
        helper.make_node("Transpose", ["QUERY_EMBEDDING"], ["column"]),
        helper.make_node("Mul", ["product", "column"], ["scaled"]),
        helper.make_node("Add", ["pin", "scaled"], ["mixed"]),
        helper.make_node("MatMul", ["PIN_EMBEDDINGS", "mixed"], ["OUT"]),
    ]
    inputs = {"QUERY_EMBEDDING": (1, 4), "PIN_EMBEDDINGS": ("pins", 4)}
    graph = helper.make_graph(
        nodes,
        "work",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info("OUT", TensorProto.FLOAT, ("pins", 8))],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph), path)
    work = graph_work(path, {"QUERY_EMBEDDING"})
    assert (work.float_operations, work.weight_bytes) == (2 * 4 * 8, 4 * 4 * 8)


def test_products_of_what_varies_are_counted_and_all_weights_are_read(tmp_path: Path) -> None:
    weights = {
        "once": np.zeros((4, 8), np.float32),
        "each": np.zeros((6, 8), np.float32),
        "bytes": np.zeros((8, 5), np.int8),
        "table": np.zeros((100, 6), np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["QUERY_EMBEDDING", "once"], ["query"]),
        helper.make_node("Gather", ["table", "IDS"], ["pins"]),
        helper.make_node("MatMul", ["pins", "each"], ["hidden"]),
        helper.make_node("Add", ["hidden", "query"], ["sum"]),
        helper.make_node("Cast", ["sum"], ["small"], to=TensorProto.UINT8),
        helper.make_node("MatMulInteger", ["small", "bytes"], ["OUT"]),
    ]
    graph = helper.make_graph(
        nodes,
        "work",
        [
            helper.make_tensor_value_info("QUERY_EMBEDDING", TensorProto.FLOAT, (1, 4)),
            helper.make_tensor_value_info("IDS", TensorProto.INT64, ("pins",)),
        ],
        [helper.make_tensor_value_info("OUT", TensorProto.INT32, ("pins", 5))],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph), path)
    work = graph_work(path, {"QUERY_EMBEDDING"})
    assert work.float_operations == 2 * 6 * 8
    assert work.int8_operations == 2 * 8 * 5
    assert work.weight_bytes == 4 * (4 * 8 + 6 * 8) + 8 * 5
