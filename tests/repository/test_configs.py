"""The generated configurations, against golden files.

``PINTOWER_WRITE_GOLDEN=1 pytest tests/repository/test_configs.py`` writes them anew.
"""

import os
from pathlib import Path

import pytest
from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelInstanceGroup

from pintower.accelerators import CudaAccelerator
from pintower.contracts import BuiltGraph, Contract, load_graph_contract
from pintower.repository.configs import model_configs
from pintower.repository.interfaces import ensembles
from pintower.repository.pbtxt import format_config, parse_config
from pintower.targets import GRAPHS, load_target
from pintower.triton_releases import triton_releases

GOLDEN = Path(__file__).parent / "golden"
TARGETS = ["cpu-fp32", "cpu-int8", "cpu-int8-static", "gpu-fp16", "gpu-fp32", "gpu-tensorrt-fp16"]
SYMBOLS = {"D": 128, "F": 11, "Q": 0, "T": 33, "V": 0}


def contract_for(target: str, triton: str | None = None) -> Contract:
    graphs = {}
    precision = load_target(target).precision
    for name in GRAPHS:
        resolved = load_graph_contract(name).resolve(SYMBOLS)
        graphs[name] = BuiltGraph(
            **resolved.model_dump(),
            file=f"{name}.onnx",
            precision=precision[name][0],
            sha256="0" * 64,
            artifact_id="1" * 64,
        )
    return Contract(
        space_id="2" * 64,
        target=load_target(target, triton),
        symbols=SYMBOLS,
        match_features=tuple(f"f{number}" for number in range(11)),
        feature_columns=(),
        query_feature_columns=(),
        graphs=graphs,
    )


@pytest.mark.parametrize("triton", [release.name for release in triton_releases()])
@pytest.mark.parametrize("target", TARGETS)
def test_configs_are_the_golden_ones(target: str, triton: str) -> None:
    """Those of a release lie in ``<target>-<release>`` where they are not those of every one."""
    configs = model_configs(contract_for(target, triton), version=3)
    own = GOLDEN / f"{target}-{triton}"
    folder = own if own.is_dir() else GOLDEN / target
    if os.environ.get("PINTOWER_WRITE_GOLDEN"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, config in configs.items():
            (folder / f"{name}.pbtxt").write_text(format_config(config), "utf-8")
    golden = {path.stem: path.read_text("utf-8") for path in folder.glob("*.pbtxt")}
    assert {name: format_config(config) for name, config in configs.items()} == golden


def test_a_strongly_typed_tensorrt_is_given_no_precision() -> None:
    """The graph's own types count there, and it is the fp16 graph that is served."""
    given = {}
    for triton in ("24.10", "26.11"):
        config = model_configs(contract_for("gpu-tensorrt-fp16", triton), 1)["query_encoder"]
        (entry,) = config.optimization.execution_accelerators.gpu_execution_accelerator
        given[triton] = dict(entry.parameters)
    left_out = given["24.10"].items() - given["26.11"].items()
    assert left_out == {("precision_mode", "FP16"), ("trt_layer_norm_fp32_fallback", "1")}
    assert given["26.11"].items() <= given["24.10"].items()


@pytest.mark.parametrize("target", TARGETS)
def test_written_configs_parse_back_with_max_batch_size_always_said(target: str) -> None:
    for config in model_configs(contract_for(target), version=1).values():
        text = format_config(config)
        assert parse_config(text, Path("config.pbtxt")) == config
        assert text.count("max_batch_size:") == 1


def test_queries_are_merged_only_where_the_target_allows_it() -> None:
    def merges(target: str) -> bool:
        return model_configs(contract_for(target), 1)["query_encoder"].HasField("dynamic_batching")

    assert merges("cpu-fp32")
    assert not merges("cpu-int8")


@pytest.mark.parametrize(
    ("target", "wanted"), [("cpu-fp32", "query_encoder"), ("gpu-fp16", "cached_query_encoder")]
)
def test_ensembles_pin_every_step_and_share_the_cached_steps_outputs(
    target: str, wanted: str
) -> None:
    configs = model_configs(contract_for(target), version=5)
    outputs: dict[str, set[tuple[str, ...]]] = {}
    for name in ensembles(contract_for(target)):
        for step in configs[name].ensemble_scheduling.step:
            assert step.model_version == 5
            outputs.setdefault(step.model_name, set()).add(tuple(sorted(step.output_map)))
    cached = {name for name, config in configs.items() if config.response_cache.enable}
    assert cached == {wanted}
    assert all(len(outputs[name]) == 1 for name in cached)


def test_an_empty_config_still_says_its_max_batch_size() -> None:
    assert "max_batch_size: 0" in format_config(ModelConfig(name="m"))


GPU_TARGETS = [target for target in TARGETS if target.startswith("gpu-")]


@pytest.mark.parametrize("target", GPU_TARGETS)
def test_only_the_query_encoder_runs_on_the_gpu_and_the_cache_ends_on_the_cpu(target: str) -> None:
    """Triton would log an error for every request: its cache takes tensors in CPU memory only."""
    configs = model_configs(contract_for(target), version=1)
    kinds = {
        name: ModelInstanceGroup.Kind.Name(group.kind)
        for name, config in configs.items()
        for group in config.instance_group
    }
    names = ("tokenizer", "embedding_to_cpu", "pin_features", "scorer")
    on_cpu = dict.fromkeys(names, "KIND_CPU")
    assert kinds == {**on_cpu, "query_encoder": "KIND_GPU"}
    cached = {name for name, config in configs.items() if config.response_cache.enable}
    assert cached == {"cached_query_encoder"}
    last = configs["cached_query_encoder"].ensemble_scheduling.step[-1].model_name
    assert kinds[last] == "KIND_CPU"


def test_options_that_triton_overwrites_in_the_accelerator_go_to_the_models_own() -> None:
    contract = contract_for("gpu-fp16")
    target = contract.target
    settings = {"gpu_mem_limit": 2**31, "arena_extend_strategy": 1, "use_tf32": False}
    accelerator = CudaAccelerator.model_validate({"kind": "cuda", "parameters": settings})
    changed = contract.model_copy(
        update={"target": target.model_copy(update={"accelerator": accelerator})}
    )
    config = model_configs(changed, version=1)["query_encoder"]
    (entry,) = config.optimization.execution_accelerators.gpu_execution_accelerator
    assert dict(entry.parameters) == {"use_tf32": "0"}
    own = {key: value.string_value for key, value in config.parameters.items()}
    assert own["gpu_mem_limit"] == "2147483648"
    assert own["arena_extend_strategy"] == "1"


def test_engines_of_two_releases_are_kept_apart() -> None:
    """ONNX Runtime would take the first release's engine, weights and all, for the second's."""
    contract = contract_for("gpu-tensorrt-fp16")
    encoder = contract.graphs["query_encoder"].model_copy(update={"artifact_id": "f" * 64})
    later = contract.model_copy(update={"graphs": {**contract.graphs, "query_encoder": encoder}})

    def folder(of: Contract) -> str:
        config = model_configs(of, version=1)["query_encoder"]
        (entry,) = config.optimization.execution_accelerators.gpu_execution_accelerator
        return str(entry.parameters["trt_engine_cache_path"])

    assert folder(later) == "/var/cache/tritonserver/tensorrt/ffffffffffffffff"
    assert folder(contract) != folder(later)
