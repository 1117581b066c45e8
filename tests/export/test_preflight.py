"""What is refused before a graph is built, and what is only told."""

import logging
from typing import Any

import onnxruntime
import pytest

from pintower.export import preflight as module
from pintower.export.preflight import preflight
from pintower.gates import Gate, explain, failed
from pintower.serving.machine import cpu_flags
from pintower.targets import Target, load_target
from pintower.triton_releases import triton_releases
from tests.test_targets import TARGETS


def changed(name: str, **changes: Any) -> Target:
    return load_target(name).model_copy(update=changes)


def stopped(target: Target) -> dict[str, str]:
    return {item.name: explain(item) for item in failed(preflight(target))}


def on_triton(**changes: Any) -> Target:
    """Return a target for a Triton release that is changed."""
    triton = load_target("cpu-fp32").triton.model_copy(update=changes)
    return changed("cpu-fp32", triton=triton)


def told(target: Target, name: str) -> Gate:
    (item,) = (item for item in preflight(target) if item.name == f"preflight.{name}")
    return item


@pytest.mark.parametrize("triton", [release.name for release in triton_releases()])
@pytest.mark.parametrize("name", TARGETS)
def test_every_target_that_comes_along_passes(name: str, triton: str) -> None:
    assert stopped(load_target(name, triton)) == {}


def test_contracts_newer_than_the_target_are_refused() -> None:
    lines = stopped(on_triton(max_opset=16, max_ir_version=7))
    assert lines.keys() == {"preflight.opset", "preflight.ir_version"}
    assert "measured 17, allowed <= 16" in lines["preflight.opset"]


@pytest.mark.parametrize(
    ("target", "graph", "precision", "reason"),
    [
        ("cpu-fp32", "query_encoder", ("fp32", "fp16"), "query_encoder in fp16 on cpu: ONNX Run"),
        ("cpu-fp32", "query_encoder", ("bf16", "fp32"), "query_encoder in bf16 on cpu: OpenVINO"),
        ("cpu-fp32", "scorer", ("bf16",), "scorer in bf16 on cpu: OpenVINO multiplies in bf16"),
        ("gpu-fp32", "query_encoder", ("bf16",), "query_encoder in bf16 on gpu: OpenVINO"),
        ("gpu-fp16", "pin_encoder", ("fp16",), "pin_encoder in fp16 on cpu: ONNX Runtime's CPU"),
        ("gpu-fp32", "query_encoder", ("int8-static",), "query_encoder in int8-static on gpu: mo"),
        ("gpu-tensorrt-fp16", "query_encoder", ("int8-dynamic",), "int8-dynamic on gpu: most of"),
    ],
)
def test_a_precision_without_kernels_is_refused(
    target: str, graph: str, precision: tuple[str, ...], reason: str
) -> None:
    precisions = {**load_target(target).precision, graph: precision}
    lines = stopped(changed(target, precision=precisions))
    assert lines.keys() == {"preflight.precision"}
    assert reason in lines["preflight.precision"]


@pytest.mark.parametrize("name", ["cpu-fp32", "gpu-fp16"])
def test_the_pin_encoder_may_be_in_bf16_whatever_the_target(name: str) -> None:
    assert stopped(load_target(name).with_pins_in(("bf16", "fp32"))) == {}


@pytest.mark.parametrize(("version", "refused"), [("1.8.2", False), ("99.0", True)])
def test_a_build_machine_behind_the_target_is_refused(version: str, refused: bool) -> None:
    lines = stopped(on_triton(onnxruntime=version))
    assert ("preflight.onnxruntime_older" in lines) == refused
    if refused:
        assert onnxruntime.__version__ in lines["preflight.onnxruntime_older"]


def test_versions_are_compared_as_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "__version__", "1.9.1")
    assert "preflight.onnxruntime_older" in stopped(on_triton(onnxruntime="1.19.2"))


def test_missing_instructions_are_told_and_stop_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The machine that builds need not be the machine that serves."""
    target = changed("cpu-fp32", instruction_set=("avx512_vnni", "no_such_flag"))
    with caplog.at_level(logging.WARNING):
        item = told(target, "instructions_missing")
    assert item.passed and item.allowed is None
    assert item.measured == len(item.detail["missing"]) >= 1
    assert "no_such_flag" in item.detail["missing"]
    assert "lacks" in caplog.text and "no_such_flag" in caplog.text


def test_instructions_that_are_there_are_not_missed(caplog: pytest.LogCaptureFixture) -> None:
    flags = tuple(sorted(cpu_flags())[:2])
    assert told(changed("cpu-fp32", instruction_set=flags), "instructions_missing").measured == 0
    assert caplog.text == ""


def test_a_gpu_target_tells_that_its_graphs_are_measured_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "cuda_devices", lambda: 0)
    item = told(load_target("gpu-fp32"), "gpus")
    assert item.passed and item.measured == 0
    assert item.detail == {"graph_gates": "measured on the CPU"}
