"""What the strict onnxruntime backend makes of a GPU's configuration, without a GPU."""

from types import ModuleType
from typing import Any

import pytest

from pintower.accelerators import CUDA_PARAMETERS, TENSORRT_PARAMETERS, TOP_LEVEL_PARAMETERS
from pintower.assets import asset
from pintower.repository.configs import model_configs
from pintower.targets import load_target
from tests.repository.test_configs import GPU_TARGETS, contract_for

ALL = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(asset("triton_models", "backends", "onnxruntime"))
    import providers

    return providers


def config(
    accelerators: dict[str, dict[str, str]] | None = None, **parameters: str
) -> dict[str, Any]:
    """Return a configuration in the form Triton hands to a backend."""
    entries = [{"name": name, "parameters": own} for name, own in (accelerators or {}).items()]
    return {
        "name": "m",
        "optimization": {
            "input_pinned_memory": {"enable": True},
            "execution_accelerators": {
                "gpu_execution_accelerator": entries,
                "cpu_execution_accelerator": [],
            },
        },
        "parameters": {key: {"string_value": value} for key, value in parameters.items()},
    }


def on_gpu(providers: ModuleType, values: dict[str, Any], available: Any = ALL) -> Any:
    return providers.make_providers(values, "GPU", 1, available)


def test_names_are_those_a_target_may_use(providers: ModuleType) -> None:
    assert set(providers.CUDA_KEYS) == set(CUDA_PARAMETERS)
    assert set(providers.TOP_LEVEL) == set(TOP_LEVEL_PARAMETERS)
    derived = {"precision_mode", "trt_engine_cache_enable", "trt_engine_cache_path"}
    derived |= {f"trt_profile_{size}_shapes" for size in ("min", "opt", "max")}
    assert set(providers.TENSORRT_KEYS) == set(TENSORRT_PARAMETERS) | derived


def test_a_cpu_instance_runs_on_the_cpu_alone(providers: ModuleType) -> None:
    values = config({"cuda": {"use_tf32": "0"}})
    assert providers.make_providers(values, "CPU", 0, ALL) == [("CPUExecutionProvider", {})]


def test_cuda_takes_its_own_parameters_and_the_models(providers: ModuleType) -> None:
    values = config(
        {"cuda": {"use_tf32": "0"}},
        arena_extend_strategy="1",
        cudnn_conv_algo_search="2",
        gpu_mem_limit="1024",
        intra_op_thread_count="1",
    )
    options = {
        "use_tf32": "0",
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "DEFAULT",
        "gpu_mem_limit": "1024",
        "device_id": "1",
    }
    assert on_gpu(providers, values) == [
        ("CUDAExecutionProvider", options),
        ("CPUExecutionProvider", {}),
    ]


def test_tensorrt_comes_before_cuda_in_onnxruntimes_words(providers: ModuleType) -> None:
    given = {"precision_mode": "FP16", "max_workspace_size_bytes": "1024"}
    (name, options), *rest = on_gpu(providers, config({"tensorrt": given}))
    assert name == "TensorrtExecutionProvider"
    assert options == {"trt_fp16_enable": "1", "trt_max_workspace_size": "1024", "device_id": "1"}
    assert [name for name, _ in rest] == ["CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.mark.parametrize("target", GPU_TARGETS)
def test_what_a_target_asks_for_is_understood(target: str, providers: ModuleType) -> None:
    made = model_configs(contract_for(target), 1)["query_encoder"]
    entries = made.optimization.execution_accelerators.gpu_execution_accelerator
    own = {key: value.string_value for key, value in made.parameters.items()}
    values = config({item.name: dict(item.parameters) for item in entries}, **own)
    wanted = [name for name, _ in on_gpu(providers, values)]
    first = "Tensorrt" if "tensorrt" in target else "CUDA"
    assert wanted[0] == f"{first}ExecutionProvider"
    assert load_target(target).device == "gpu"


@pytest.mark.parametrize(
    ("accelerators", "message"),
    [
        ({"cuda": {"use_tf31": "0"}}, "unknown parameter 'use_tf31' of .*'cuda'; known are"),
        ({"cuda": {"gpu_mem_limit": "1"}}, "'gpu_mem_limit' has no effect in .*own parameters"),
        ({"tensorrt": {"use_tf32": "0"}}, "unknown parameter 'use_tf32' of .*'tensorrt'"),
        ({"tensorrt": {"precision_mode": "INT8"}}, "'precision_mode' is 'INT8'; allowed is FP32"),
        ({"tensorrt": {"trt_min_subgraph_size": str(2**31)}}, "'trt_min_subgraph_size' is '21474"),
        ({"tensorrt": {"max_workspace_size_bytes": "1G"}}, "'max_workspace_size_bytes' is '1G'"),
        ({"rocm": {}}, "unknown execution accelerator 'rocm'.*cuda, tensorrt"),
    ],
)
def test_unknown_accelerators_and_parameters_are_refused_by_name(
    accelerators: dict[str, dict[str, str]], message: str, providers: ModuleType
) -> None:
    with pytest.raises(providers.ConfigError, match=f"model 'm': .*{message}"):
        on_gpu(providers, config(accelerators))


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("arena_extend_strategy", "kSameAsRequested", "0, 1"),
        ("gpu_mem_limit", "-1", "a whole number"),
        ("gpu_mem_limit", "١", "a whole number"),
        ("gpu_mem_limit", str(2**64), "a whole number"),
        ("do_copy_in_default_stream", "yes", "0, 1, false, true"),
    ],
)
def test_a_wrong_value_of_the_models_own_is_refused(
    key: str, value: str, allowed: str, providers: ModuleType
) -> None:
    with pytest.raises(providers.ConfigError, match=f"'{key}' is '{value}'; allowed is {allowed}"):
        on_gpu(providers, config(**{key: value}))


def test_an_accelerator_of_the_cpu_is_refused(providers: ModuleType) -> None:
    values = config()
    accelerators = values["optimization"]["execution_accelerators"]
    accelerators["cpu_execution_accelerator"] = [{"name": "openvino"}]
    with pytest.raises(providers.ConfigError, match="CPU execution accelerator 'openvino'"):
        providers.make_providers(values, "CPU", 0, ALL)


def test_an_onnxruntime_without_the_provider_is_refused(providers: ModuleType) -> None:
    """ONNX Runtime for the CPU would answer, many times slower, from a model called ready."""
    message = "KIND_GPU, and the ONNX Runtime .* has no CUDAExecutionProvider, only CPUExec"
    with pytest.raises(providers.ConfigError, match=message):
        on_gpu(providers, config(), ("CPUExecutionProvider",))


def test_a_session_that_fell_back_to_the_cpu_is_refused(providers: ModuleType) -> None:
    wanted = on_gpu(providers, config())
    providers.require_device(config(), wanted, [name for name, _ in wanted])
    message = "could not open CUDAExecutionProvider on device 1: this machine has no such CUDA"
    with pytest.raises(providers.ConfigError, match=message):
        providers.require_device(config(), wanted, ["CPUExecutionProvider"])
