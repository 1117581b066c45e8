from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pintower.contracts import GraphContract, load_graph_contract
from pintower.export import fusion
from pintower.export.entrance import without_entrance
from pintower.export.fusion import fuse
from pintower.export.graphs import EncoderGraph
from pintower.export.samples import token_batches
from pintower.export.tracing import trace
from pintower.models.student import load_student
from pintower.models.tokenization import load_tokenizer


def operators(path: Path) -> set[str]:
    return {node.op_type for node in onnx.load(path).graph.node}


@pytest.mark.parametrize("spoilt", [False, True])
def test_fused_graph_that_computes_something_else_is_dropped(
    spoilt: bool, tiny_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def optimize(*given: Any, **options: Any) -> Any:
        made = original(*given, **options)
        for tensor in made.model.graph.initializer:
            if spoilt and tensor.name.endswith("qkv_weight"):
                half = numpy_helper.to_array(tensor) * np.float32(0.5)
                tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
        return made

    original = fusion.optimize_model
    monkeypatch.setattr(fusion, "optimize_model", optimize)
    contract: GraphContract = without_entrance(
        load_graph_contract("query_encoder").resolve({"D": 16, "Q": 0})
    )
    encoder = load_student(tiny_student).query_encoder
    trace(EncoderGraph(encoder), contract, tmp_path / "traced.onnx")
    texts = token_batches(load_tokenizer(tiny_student / "query_encoder", 16), ["red shoes", "a"])
    config = encoder[0].auto_model.config
    fuse(tmp_path / "traced.onnx", tmp_path / "fused.onnx", config, contract, texts)
    assert ("Attention" in operators(tmp_path / "fused.onnx")) == (not spoilt)
