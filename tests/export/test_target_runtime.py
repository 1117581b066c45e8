"""Whether the target's own ONNX Runtime loads a graph."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from pintower.config import ExportConfig
from pintower.contracts import BuiltGraph, load_graph_contract
from pintower.errors import GateFailed
from pintower.export import run
from pintower.export.target_runtime import TargetRuntime, find_target_runtime, loads_gate
from pintower.gates import explain, failed, read_gates, require_gate_names
from pintower.targets import GRAPHS, Target, load_target

OWN = TargetRuntime(Path(sys.executable), onnxruntime.__version__)


def graph(folder: Path, operator: str = "Identity", domain: str = "", opset: int = 17) -> Path:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "XY"]
    weight = onnx.numpy_helper.from_array(np.ones(4, np.float32), "W")
    inputs = ["X"] if operator == "Identity" else ["X", "W"]
    nodes = [helper.make_node(operator, inputs, ["Y"], domain=domain)]
    model = helper.make_model(
        helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight]),
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)],
        ir_version=8,
    )
    onnx.save(model, folder / "scorer.onnx")
    return folder / "scorer.onnx"


def built() -> BuiltGraph:
    contract = load_graph_contract("scorer").resolve({"D": 4, "F": 2})
    more: dict[str, Any] = {"file": "scorer.onnx", "sha256": "0" * 64, "artifact_id": "1" * 64}
    return BuiltGraph(**contract.model_dump(), precision="fp32", **more)


def target(version: str = onnxruntime.__version__) -> Target:
    settings = load_target("cpu-fp32")
    triton = settings.triton.model_copy(update={"onnxruntime": version})
    return settings.model_copy(update={"triton": triton})


def test_a_graph_that_loads_passes(tmp_path: Path) -> None:
    item = loads_gate(built(), graph(tmp_path), target(), OWN)
    assert (item.name, item.measured, item.passed) == ("scorer.target_loads", 0, True)
    assert item.detail["onnxruntime"] == onnxruntime.__version__


def test_an_unknown_operator_fails_and_is_named(tmp_path: Path) -> None:
    path = graph(tmp_path, "NoSuchOperator", "com.microsoft")
    item = loads_gate(built(), path, target(), OWN)
    assert not item.passed
    assert "NoSuchOperator" in item.detail["error"]
    assert "scorer.target_loads: measured 1 failures, allowed <= 0" in explain(item)


def test_it_is_told_where_no_runtime_is_asked_or_it_is_another(tmp_path: Path) -> None:
    path = graph(tmp_path)
    for runtime, of, reason in (
        (None, target(), "target_runtime is false"),
        (OWN, target("0.1.0"), "another ONNX Runtime than the target"),
    ):
        item = loads_gate(built(), path, of, runtime)
        assert item.passed and item.allowed is None
        assert reason in item.detail["reason"]
        assert explain(item).startswith("scorer.target_loads: not measured")


@pytest.mark.triton
def test_an_operator_that_only_a_newer_runtime_knows_fails(tmp_path: Path) -> None:
    path = graph(tmp_path, "RMSNormalization", opset=23)
    settings = load_target("cpu-fp32")
    runtime = find_target_runtime(settings)
    assert runtime.version == settings.triton.onnxruntime
    assert loads_gate(built(), path, target(), OWN).passed
    item = loads_gate(built(), path, settings, runtime)
    assert not item.passed
    assert settings.triton.onnxruntime in item.detail["onnxruntime"]
    assert "support for domain ai.onnx is till opset 21" in item.detail["error"]


@pytest.fixture
def another_runtime(tmp_path: Path) -> TargetRuntime:
    """An ONNX Runtime of the target's version that computes otherwise: vectors 1.01 long."""
    script = tmp_path / "worker.py"
    script.write_text(
        f"""import runpy, sys
import onnxruntime
class Session(onnxruntime.InferenceSession):
    def run(self, names, feeds, *rest):
        found = super().run(names, feeds, *rest)
        return [1.01 * row if name == "EMBEDDING" else row for name, row in zip(names, found)]
onnxruntime.InferenceSession = Session
onnxruntime.__version__ = {load_target("cpu-fp32").triton.onnxruntime!r}
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
""",
        "utf-8",
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n', "utf-8")
    python.chmod(0o755)
    return TargetRuntime(python, load_target("cpu-fp32").triton.onnxruntime)


def test_a_graph_that_only_the_target_computes_otherwise_fails_there(
    tiny_student: Path,
    data: Path,
    tmp_path: Path,
    another_runtime: TargetRuntime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pintower.export.stage.find_target_runtime", lambda target: another_runtime)
    folder = tmp_path / "export"
    folder.mkdir()
    config = ExportConfig(target="cpu-fp32", parity_texts=10)
    with pytest.raises(GateFailed, match="target.query_encoder.norm_max_abs"):
        run(config, {"student": tiny_student, "data": data}, folder)
    bad = {item.name for item in failed(read_gates(folder / "gates.json"))}
    assert bad == {"target.query_encoder.max_abs", "target.query_encoder.norm_max_abs"}


@pytest.mark.triton
@pytest.mark.parametrize(
    ("name", "triton"),
    [
        ("cpu-int8-static", None),
        ("gpu-fp16", None),
        ("gpu-tensorrt-fp16", None),
        ("cpu-int8-static", "26.11"),
        ("gpu-tensorrt-fp16", "26.11"),
    ],
)
def test_what_is_exported_loads_in_the_targets_runtime(
    name: str, triton: str | None, tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    config = ExportConfig(target=name, triton=triton, parity_texts=10)
    run(config, {"student": tiny_student, "data": data}, tmp_path)
    gates = {item.name: item for item in read_gates(tmp_path / "gates.json")}
    for graph_name in GRAPHS:
        item = gates[f"{graph_name}.target_loads"]
        assert (item.measured, item.allowed) == (0, 0)
        assert item.detail["onnxruntime"] == load_target(name, triton).triton.onnxruntime
    in_target = {item.removeprefix("target.") for item in gates if item.startswith("target.")}
    assert in_target == {
        "query_encoder.runs",
        *(key for key in gates if key.startswith("ranking.")),
        *(f"query_encoder.{key}" for key in ("max_abs", "min_cosine", "norm_max_abs")),
        *(f"query_encoder.batch_{key}" for key in ("sensitivity", "flips")),
        *(f"scorer.{key}" for key in ("runs", "max_abs", "invalid_rows")),
    }
    require_gate_names(gates)
    for key in in_target & gates.keys():
        assert gates[f"target.{key}"].allowed == gates[key].allowed
