"""Every family of text encoders passes the same gates, in fp32, fp16 and static int8."""

from pathlib import Path

import onnx
import polars as pl
import pytest
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

from pintower.config import ExportConfig, StudentConfig
from pintower.export.build import GraphBuilder
from pintower.export.parity import Measurement
from pintower.export.reference import Reference
from pintower.export.samples import token_batches
from pintower.gates import explain, failed
from pintower.models.adoption import adopt
from pintower.models.student import load_student
from pintower.targets import load_target
from tests.models.adoption.tiny_encoders import write_backbone, write_encoder
from tests.training.conftest import write_data

FUSED = {"bert", "distilbert", "electra", "roberta", "xlm-roberta"}
"""Families whose attention ONNX Runtime has one operator for."""

UNFUSED = {"modernbert", "mpnet", "qwen3", "t5"}
"""Attention with rotary or relative positions stays as it was traced; its products are int8 too."""


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")  # ModernBERT's
@pytest.mark.parametrize("target", ["cpu-fp32", "cpu-int8-static", "gpu-fp16"])
@pytest.mark.parametrize("family", sorted(FUSED | UNFUSED))
def test_family_passes_structure_parity_and_invariance(
    family: str, target: str, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    data, folder, graphs = (tmp_path / name for name in ("data", "student", "graphs"))
    for path in (data, folder, graphs):
        path.mkdir()
    write_data(data, tiny_pins)
    backbone = write_backbone(tmp_path / "backbone", family)
    encoder = write_encoder(tmp_path / "encoder", backbone, Pooling(32, "mean"), Normalize())
    adopt(StudentConfig(method="encoder", query_encoder=str(encoder)), data, folder)
    student, settings = load_student(folder), load_target(target)
    reference = Reference(ExportConfig(parity_texts=20), student, data)
    texts = ["a", "red shoes", "lemon cake for a birthday", *tiny_pins["title"].to_list()]
    builder = GraphBuilder(
        student, settings, graphs, lambda name: token_batches(reference.query_tokenizer, texts)
    )
    built = builder.build("query_encoder", settings.precision["query_encoder"][0])
    gates = Measurement(reference, settings, graphs).query_encoder(built)
    assert not [explain(item) for item in failed(gates)]
    names = {item.name for item in gates}
    assert {"query_encoder.contract", "query_encoder.batch_sensitivity"} <= names
    if target == "cpu-int8-static":
        operators = {node.op_type for node in onnx.load(graphs / built.file).graph.node}
        assert "MatMulIntegerToFloat" in operators
        assert ("QAttention" in operators) == (family in FUSED)
    if target == "gpu-fp16":
        assert "query_encoder.half_min_cosine" in names
        operators = {node.op_type for node in onnx.load(graphs / built.file).graph.node}
        assert ("Attention" in operators) == (family in FUSED)
