"""Triton releases: their limits are those of their ONNX Runtime, and their faults are told."""

from pathlib import Path

import pytest
from onnx import TensorProto, helper

from pintower.assets import asset
from pintower.errors import InputError, SetupError
from pintower.serving.environment import ensure_environment
from pintower.serving.runtime_session import RuntimeSession
from pintower.targets import Threads, load_target
from pintower.triton_releases import (
    LOCAL,
    Fault,
    known_faults,
    load_triton_release,
    triton_releases,
)

RELEASES = [release.name for release in triton_releases()]


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_is_named_as_its_file(name: str) -> None:
    assert load_triton_release(name).name == name


def test_the_local_server_is_one_of_them() -> None:
    assert LOCAL in RELEASES


def test_an_unknown_release_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"Unknown Triton release '23.01'; allowed: 24.10, 26.11"):
        load_target("cpu-fp32", "23.01")


def test_a_target_is_built_for_another_release_than_its_own() -> None:
    assert load_target("cpu-fp32").triton.name == "24.10"
    target = load_target("cpu-fp32", "26.11")
    assert (target.triton.name, target.triton.onnxruntime) == ("26.11", "1.27.0")


def test_a_fault_is_in_every_release_before_the_one_that_mended_it() -> None:
    fault = Fault(what="", fixed="26.05", remedy="")
    assert [fault.is_in(name) for name in ("24.10", "26.04", "26.05", "27.01")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert Fault(what="", remedy="").is_in("99.12")


def test_a_later_release_has_fewer_known_faults() -> None:
    older, newer = (known_faults(name) for name in ("24.10", "26.11"))
    assert 0 < len(newer) < len(older)
    assert all(fault in older for fault in newer)


def test_the_page_on_triton_tells_every_fault_and_release() -> None:
    page = " ".join(asset("docs", "triton.md").read_text("utf-8").split())
    for fault in known_faults(RELEASES[0]):
        assert fault.what in page and fault.remedy in page
    for release in triton_releases():
        for fact in (release.name, release.server, release.onnxruntime, release.numpy):
            assert fact in page


def identity(folder: Path, *, ir_version: int, opset: int) -> Path:
    """Write a graph that gives back what it takes."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "XY"]
    graph = helper.make_graph([helper.make_node("Identity", ["X"], ["Y"])], "g", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", opset)]
    path = folder / f"{ir_version}_{opset}.onnx"
    path.write_bytes(
        helper.make_model(graph, ir_version=ir_version, opset_imports=opsets).SerializeToString()
    )
    return path


@pytest.mark.triton
@pytest.mark.parametrize("name", RELEASES)
def test_limits_are_those_of_the_releases_onnxruntime(name: str, tmp_path: Path) -> None:
    release = load_triton_release(name)
    python = ensure_environment(release).python
    newest = {"ir_version": release.max_ir_version, "opset": release.max_opset}
    with RuntimeSession(python, identity(tmp_path, **newest), Threads()) as session:
        assert session.version == release.onnxruntime
    for key, word in (("ir_version", "IR version"), ("opset", "till opset")):
        path = identity(tmp_path, **{**newest, key: newest[key] + 1})
        with pytest.raises(SetupError, match=word), RuntimeSession(python, path, Threads()):
            pass
