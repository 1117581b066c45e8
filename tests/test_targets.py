"""Targets: every file there is, and what contradicts itself."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pintower import targets
from pintower.assets import asset
from pintower.errors import InputError
from pintower.targets import Target, load_target

TARGETS = sorted(path.stem for path in asset("export", "targets").glob("*.toml"))


def changed(name: str, **changes: Any) -> Target:
    return Target.model_validate({**load_target(name).model_dump(), **changes})


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_named_as_its_file_and_survives_being_written(name: str) -> None:
    target = load_target(name)
    assert target.name == name
    assert target.device == name.partition("-")[0]
    assert Target.model_validate_json(target.model_dump_json()) == target


def test_only_listed_models_run_on_the_gpu() -> None:
    target = load_target("gpu-fp16")
    assert target.device_of("query_encoder") == "gpu"
    assert {target.device_of(name) for name in ("tokenizer", "pin_features", "scorer")} == {"cpu"}
    assert load_target("cpu-fp32").device_of("query_encoder") == "cpu"


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("gpu-fp32", {"accelerator": None}, r"device 'gpu' needs \[accelerator\]"),
        ("gpu-fp32", {"device": "cpu"}, r"device 'cpu' takes no \[accelerator\]"),
        ("gpu-fp32", {"device": "tpu"}, "device"),
        ("gpu-tensorrt-fp16", {"max_batch_size": 128}, r"profile\.max is 64, below max_ba"),
        ("cpu-int8", {"instruction_set": ["AVX512-VNNI"]}, "instruction_set"),
        ("cpu-int8", {"threads": {"query_encoder": {}}}, "threads is given for query_encoder; w"),
        ("cpu-int8", {"instances": {"tokenizer": 1}}, "instances is given for tokenizer; wanted"),
        ("cpu-int8", {"max_batch_size": 0}, "max_batch_size"),
        ("cpu-int8", {"max_batch_size": 2**31}, "max_batch_size"),
        (
            "cpu-int8",
            {"threads": {"query_encoder": {"intra_op": 2**31}, "scorer": {}}},
            r"threads\.query_encoder\.intra_op",
        ),
    ],
)
def test_a_target_that_contradicts_itself_is_refused(
    name: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        changed(name, **changes)


def test_a_target_names_its_triton_release_by_text_or_number() -> None:
    assert changed("cpu-fp32", triton="26.11").triton.onnxruntime == "1.27.0"
    assert changed("cpu-fp32", triton=24.10).triton.onnxruntime == "1.19.2"


@pytest.mark.parametrize(
    ("graph", "precision", "message"),
    [
        ("scorer", "fp16", r"precision\.scorer is \['fp16'\]; allowed is 'fp32'"),
        ("scorer", ["fp32", "fp16"], "allowed is 'fp32'"),
        ("pin_encoder", [], "pin_encoder is empty"),
        ("query_encoder", "fp8", "precision"),
    ],
)
def test_a_precision_a_graph_cannot_have_is_refused(
    graph: str, precision: Any, message: str
) -> None:
    given = {**load_target("cpu-fp32").precision, graph: precision}
    with pytest.raises(ValidationError, match=message):
        changed("cpu-fp32", precision=given)


def test_a_graph_on_the_gpu_has_to_be_a_served_one() -> None:
    accelerator = {"kind": "cuda", "models": ["pin_encoder"]}
    with pytest.raises(ValidationError, match=r"accelerator\.models has 'pin_encoder'; allowed:"):
        changed("gpu-fp32", accelerator=accelerator)


def test_a_target_file_with_a_mistake_is_told_with_file_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(asset("export"), tmp_path / "export")
    path = tmp_path / "export" / "targets" / "gpu-fp16.toml"
    path.write_text(path.read_text("utf-8").replace("use_tf32 = false", "use_tf33 = false"))
    monkeypatch.setattr(targets, "asset", lambda *parts: tmp_path.joinpath(*parts))
    with pytest.raises(InputError) as raised:
        load_target("gpu-fp16")
    assert "gpu-fp16.toml is not a target" in str(raised.value)
    assert "accelerator.cuda.parameters" in str(raised.value)
    assert "use_tf33 is no parameter of the accelerator 'cuda'" in str(raised.value)
