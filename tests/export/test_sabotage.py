"""What exporters have been seen to do, done on purpose: the gate that is meant for it says so."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from sentence_transformers.sentence_transformer.modules import Pooling

from pintower.config import ExportConfig
from pintower.contracts import BuiltGraph
from pintower.export.build import GraphBuilder
from pintower.export.parity import Measurement
from pintower.export.reference import Reference
from pintower.export.samples import token_batches
from pintower.export.tokenizer_gates import tokenizer_gate
from pintower.gates import failed
from pintower.models.student import Student, load_student
from pintower.models.tokenization import load_tokenizer
from pintower.targets import Precision, load_target

Sabotage = Callable[[onnx.ModelProto], None]


class Bench:
    """A student's query encoder, built and measured, with something done to it in between."""

    def __init__(self, student: Student, data: Path, folder: Path, target: str) -> None:
        self.target = load_target(target)
        self.folder = folder
        self.texts = ["red shoes", "blue sofa", "lemon cake for a birthday in the garden"]
        reference = Reference(ExportConfig(parity_texts=20), student, data)
        self.tokenizer = reference.query_tokenizer
        self.measurement = Measurement(reference, self.target, folder)

    def build(self, student: Student, precision: Precision) -> BuiltGraph:
        """Export the query encoder."""

        def batches(name: str) -> list[tuple[np.ndarray, np.ndarray]]:  # type: ignore[type-arg]
            return token_batches(self.tokenizer, self.texts)

        builder = GraphBuilder(student, self.target, self.folder, batches)
        return builder.build("query_encoder", precision)

    def failures(self, built: BuiltGraph, sabotage: Sabotage | None = None) -> set[str]:
        """Return the gates that fail once something was done to the file."""
        if sabotage is not None:
            path = self.folder / built.file
            model = onnx.load(path)
            sabotage(model)
            onnx.save(model, path)
        return {item.name for item in failed(self.measurement.query_encoder(built))}


@pytest.fixture
def bench(tiny_student: Path, data: Path, tmp_path: Path) -> Bench:
    return Bench(load_student(tiny_student), data, tmp_path, "cpu-fp32")


def rename_output(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        node.output[:] = ["VECTOR" if name == "EMBEDDING" else name for name in node.output]
    model.graph.output[0].name = "VECTOR"


def swap_inputs(model: onnx.ModelProto) -> None:
    swapped = {"entrance.ids": "entrance.mask", "entrance.mask": "entrance.ids"}
    """Of the encoder behind its entrance, which has one."""
    for node in model.graph.node:
        node.input[:] = [swapped.get(name, name) for name in node.input]


def scale_embedding(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        node.output[:] = ["unscaled" if name == "EMBEDDING" else name for name in node.output]
    factor = numpy_helper.from_array(np.array(1.01, np.float32), "factor")
    model.graph.initializer.append(factor)
    model.graph.node.append(helper.make_node("Mul", ["unscaled", "factor"], ["EMBEDDING"]))


def sharpen(student: Student) -> Student:
    """Give random weights a trained encoder's size, so that one text differs from another."""
    backbone = student.query_encoder[0].auto_model
    with torch.no_grad():
        for weight in backbone.parameters():
            if weight.ndim == 2:
                weight *= 12
    return student


def test_untouched_graph_passes(bench: Bench, tiny_student: Path) -> None:
    assert not bench.failures(bench.build(load_student(tiny_student), "fp32"))


def test_wrong_output_name_fails_the_contract(bench: Bench, tiny_student: Path) -> None:
    built = bench.build(load_student(tiny_student), "fp32")
    assert bench.failures(built, rename_output) == {"query_encoder.contract"}


def test_swapped_inputs_fail_parity(bench: Bench, tiny_student: Path) -> None:
    built = bench.build(load_student(tiny_student), "fp32")
    assert "query_encoder.max_abs" in bench.failures(built, swap_inputs)


def test_another_pooling_fails_parity(bench: Bench, tiny_student: Path) -> None:
    student = load_student(tiny_student)
    student.query_encoder[1] = Pooling(32, pooling_mode="cls")
    assert "query_encoder.max_abs" in bench.failures(bench.build(student, "fp32"))


def test_lost_pooling_and_projection_fail_the_contract(bench: Bench, tiny_student: Path) -> None:
    """Exporters of the transformer alone give a vector for each token."""
    built = bench.build(load_student(tiny_student), "fp32")

    def cut(model: onnx.ModelProto) -> None:
        norms = [node for node in model.graph.node if node.op_type == "LayerNormalization"]
        norms[-1].output[0], tokens = "EMBEDDING", norms[-1].output[0]
        for node in model.graph.node:
            if node is not norms[-1]:
                node.output[:] = [
                    f"{name}.lost" for name in node.output if name == "EMBEDDING"
                ] or (list(node.output))
                node.input[:] = ["EMBEDDING" if name == tokens else name for name in node.input]
        shape = model.graph.output[0].type.tensor_type.shape
        shape.Clear()
        for size in ("batch", "length", 32):
            dim = shape.dim.add()
            if isinstance(size, int):
                dim.dim_value = size
            else:
                dim.dim_param = size

    assert bench.failures(built, cut) == {"query_encoder.contract"}


@pytest.mark.parametrize("target", ["cpu-fp32", "cpu-int8-static"])
def test_scaled_embedding_fails_the_length_of_vectors(
    target: str, tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    """No cosine sees it; the scoring head does."""
    student = load_student(tiny_student)
    bench = Bench(student, data, tmp_path, target)
    built = bench.build(student, bench.target.precision["query_encoder"][0])
    assert "query_encoder.norm_max_abs" in bench.failures(built, scale_embedding)


def test_calibration_on_garbage_fails_the_cosine(
    tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    student = sharpen(load_student(tiny_student))
    bench = Bench(student, data, tmp_path, "cpu-int8-static")
    good = bench.build(student, "int8-static")
    assert not bench.failures(good)
    bench.texts = [""]
    assert "query_encoder.min_cosine" in bench.failures(bench.build(student, "int8-static"))


def test_dynamic_int8_that_may_be_batched_fails_invariance(
    tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    student = sharpen(load_student(tiny_student))
    bench = Bench(student, data, tmp_path, "cpu-int8-static")
    names = bench.failures(bench.build(student, "int8-dynamic"))
    assert names & {"query_encoder.batch_sensitivity", "query_encoder.batch_flips"}


def test_tokenizer_of_another_length_fails_its_gate(tiny_student: Path, tmp_path: Path) -> None:
    student = load_student(tiny_student)
    path = tmp_path / "tokenizer.json"
    load_tokenizer(tiny_student / "query_encoder", 16).save(str(path))
    assert tokenizer_gate(path, student).passed
    load_tokenizer(tiny_student / "query_encoder", 12).save(str(path))
    found = tokenizer_gate(path, student)
    assert not found.passed
    assert "punctuation" in found.detail
    shutil.copyfile(tiny_student / "query_encoder" / "tokenizer.json", path)
    assert not tokenizer_gate(path, student).passed  # it does not cut at all
