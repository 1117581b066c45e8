"""The tiny query encoder as a fused fp32 graph, and texts to calibrate it on."""

from pathlib import Path

import pytest

from pintower.contracts import GraphContract, load_graph_contract
from pintower.export.entrance import without_entrance
from pintower.export.fusion import fuse
from pintower.export.graphs import EncoderGraph
from pintower.export.int8.static import Prepared, TokenBatches, prepare
from pintower.export.samples import token_batches
from pintower.export.tracing import trace
from pintower.models.student import load_student
from pintower.models.tokenization import load_tokenizer

TEXTS = ["red shoes", "a", "lemon cake for a birthday in the garden", "blue sofa", "beach house"]


@pytest.fixture(scope="session")
def contract() -> GraphContract:
    return without_entrance(load_graph_contract("query_encoder").resolve({"D": 16, "Q": 0}))


@pytest.fixture(scope="session")
def fused(
    tiny_student: Path,
    contract: GraphContract,
    batches: TokenBatches,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("fused")
    encoder = load_student(tiny_student).query_encoder
    trace(EncoderGraph(encoder), contract, folder / "traced.onnx")
    config = encoder[0].auto_model.config
    fuse(folder / "traced.onnx", folder / "fused.onnx", config, contract, batches)
    return folder / "fused.onnx"


@pytest.fixture(scope="session")
def batches(tiny_student: Path) -> TokenBatches:
    return token_batches(load_tokenizer(tiny_student / "query_encoder", 16), TEXTS)


@pytest.fixture(scope="session")
def prepared(fused: Path, batches: TokenBatches) -> Prepared:
    return prepare(fused, batches, "minmax", max_error=0.03)
