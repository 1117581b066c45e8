"""fp16 graphs: what is kept in fp32, what is converted, and what a GPU would make of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

from pintower.contracts import BuiltGraph, GraphContract, load_graph_contract
from pintower.export.embedded import Embedded
from pintower.export.entrance import without_entrance
from pintower.export.graphs import EncoderGraph
from pintower.export.half.convert import write_half
from pintower.export.half.gates import half_gate
from pintower.export.half.kept import kept_in_fp32
from pintower.export.half.rounding import write_rounded
from pintower.export.tracing import trace
from pintower.models.encoders import load_encoder
from pintower.models.onnx_session import GraphEncoder, open_graph
from pintower.models.onnx_structure import read_graph
from pintower.models.tokenization import load_tokenizer
from pintower.targets import load_target
from tests.models.adoption.tiny_encoders import write_backbone, write_encoder

TEXTS = ["red shoes", "a", "lemon cake for a birthday in the garden", "blue sofa"]

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")

Traced = Callable[[str], tuple[Path, SentenceTransformer]]


@pytest.fixture(scope="module")
def contract() -> GraphContract:
    return without_entrance(load_graph_contract("query_encoder").resolve({"D": 32, "Q": 0}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("families")


@pytest.fixture(scope="module")
def traced(folder: Path, contract: GraphContract) -> Traced:
    """Trace a tiny encoder of a family: its file, and the encoder."""

    def family(name: str) -> tuple[Path, SentenceTransformer]:
        path = folder / name
        if not path.exists():
            backbone = write_backbone(path / "backbone", name)
            write_encoder(path / "encoder", backbone, Pooling(32, "mean"), Normalize())
            encoder = load_encoder(path / "encoder")
            trace(EncoderGraph(encoder), contract, path / "traced.onnx")
        return path / "traced.onnx", load_encoder(path / "encoder")

    return family


def kept_operators(path: Path, scope: str) -> set[str]:
    model = onnx.load(path)
    kept = set(kept_in_fp32(model))
    return {
        node.op_type
        for node in model.graph.node
        if node.name in kept and scope in node.name and node.op_type != "Constant"
    }


def test_pooling_and_what_comes_after_stay_in_fp32(traced: Traced) -> None:
    path, _ = traced("bert")
    model = onnx.load(path)
    kept = set(kept_in_fp32(model))
    behind = {node.op_type for node in model.graph.node if node.name in kept}
    assert {"MatMul", "ReduceSum", "ReduceL2", "Div", "Clip"} <= behind
    assert not behind & {"LayerNormalization", "Softmax", "Erf"}
    backbone = [node for node in model.graph.node if node.name.startswith("/encoder.0/")]
    assert not kept & {node.name for node in backbone if node.op_type == "MatMul"}


def test_norms_that_were_taken_apart_stay_in_fp32(traced: Traced) -> None:
    path, _ = traced("t5")
    assert {"Pow", "ReduceMean", "Add", "Sqrt", "Div", "Mul"} <= kept_operators(path, "layer_norm")


def test_rotary_angles_and_buckets_of_positions_stay_in_fp32(traced: Traced) -> None:
    rotary, _ = traced("qwen3")
    angles = kept_operators(rotary, "rotary_emb")
    assert {"Cos", "Sin"} <= angles
    assert angles & {"MatMul", "Mul"}  # position times frequency, as a release has it
    assert not kept_operators(rotary, "_proj")
    buckets, _ = traced("t5")
    assert {"Log", "Div", "Mul"} <= kept_operators(buckets, "SelfAttention")


@pytest.mark.parametrize("family", ["bert", "qwen3", "t5"])
def test_half_graph_keeps_its_contract_and_halves_its_weights(
    family: str, traced: Traced, contract: GraphContract, tmp_path: Path
) -> None:
    path, _ = traced(family)
    half = tmp_path / "query_encoder.onnx"
    write_half(path, half, contract)
    assert read_graph(half) == contract
    model = onnx.load(half)
    onnx.checker.check_model(model)
    matrices = [item for item in model.graph.initializer if len(item.dims) == 2]
    assert {item.data_type for item in matrices} == {TensorProto.FLOAT16}
    tokenizer = load_tokenizer(path.parent / "encoder", 16)
    wanted = GraphEncoder(open_graph(path, contract), tokenizer).embed(TEXTS, batch_tokens=999)
    given = GraphEncoder(open_graph(half, contract), tokenizer).embed(TEXTS, batch_tokens=999)
    assert (wanted * given).sum(axis=1).min() > 0.99999


def test_nodes_in_fp32_hand_fp32_to_each_other(
    traced: Traced, contract: GraphContract, tmp_path: Path
) -> None:
    """Rounded in between they could as well be fp16: a square of 300 would be infinite."""
    write_half(traced("t5")[0], tmp_path / "half.onnx", contract)
    nodes = onnx.load(tmp_path / "half.onnx").graph.node
    makers = {name: node for node in nodes for name in node.output}
    (square,) = (
        node for node in nodes if node.name.endswith("block.0/layer.0/layer_norm/ReduceMean")
    )
    assert makers[square.input[0]].op_type == "Pow"
    (last,) = (node for node in nodes if "EMBEDDING" in node.output)
    assert last.op_type == "Div"


def test_rounded_graph_rounds_each_result_and_overflows_as_fp16_does(tmp_path: Path) -> None:
    half = numpy_helper.from_array(np.float16([0.1]), "W")
    nodes = [
        helper.make_node("Cast", ["X"], ["x"], to=TensorProto.FLOAT16),
        helper.make_node("Mul", ["x", "x"], ["square"]),
        helper.make_node("Add", ["square", "W"], ["sum"]),
        helper.make_node("Cast", ["sum"], ["Y"], to=TensorProto.FLOAT),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "XY"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [half])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "half.onnx")
    write_rounded(tmp_path / "half.onnx", tmp_path / "rounded.onnx")
    x = np.float32([1.0003, 1.2345, 300])
    contract = read_graph(tmp_path / "rounded.onnx")
    (given,) = open_graph(tmp_path / "rounded.onnx", contract).run(x)
    with np.errstate(over="ignore"):
        wanted = np.square(x.astype(np.float16)) + np.float16(0.1)
    np.testing.assert_array_equal(given, wanted.astype(np.float32))
    assert np.isinf(given[2])


def test_encoder_whose_activations_leave_fp16_does_not_pass(
    traced: Traced, contract: GraphContract, tmp_path: Path
) -> None:
    """T5's feed-forward scaled up and down again: in fp32 nothing changes, in fp16 it overflows."""
    path, encoder = traced("t5")
    tokenizer = load_tokenizer(path.parent / "encoder", 16)
    reference = GraphEncoder(open_graph(path, contract), tokenizer).embed(TEXTS)
    for block in encoder[0].auto_model.encoder.block:
        with torch.no_grad():
            block.layer[1].DenseReluDense.wi.weight *= 2.0**15
            block.layer[1].DenseReluDense.wo.weight /= 2.0**15
    gates = {}
    for name, module in (("plain", traced("t5")[1]), ("scaled", encoder)):
        place = tmp_path / name
        place.mkdir()
        trace(EncoderGraph(module), contract, place / "traced.onnx")
        exact = GraphEncoder(open_graph(place / "traced.onnx", contract), tokenizer).embed(TEXTS)
        np.testing.assert_allclose(exact, reference, atol=1e-6)
        write_half(place / "traced.onnx", place / "half.onnx", contract)
        built = BuiltGraph(
            **contract.model_dump(),
            file="half.onnx",
            precision="fp16",
            sha256="0" * 64,
            artifact_id="1" * 64,
        )
        graph = GraphEncoder(open_graph(place / "half.onnx", contract), tokenizer)
        embedded = Embedded(built, graph, TEXTS, None, reference, reference)
        limits = load_target("gpu-fp16").limits
        gates[name] = half_gate(embedded, place / "half.onnx", tokenizer, limits)
        assert [item.name for item in place.iterdir() if item.is_dir()] == []
    assert gates["plain"].passed
    assert gates["plain"].measured > 0.9999
    assert not gates["scaled"].passed
