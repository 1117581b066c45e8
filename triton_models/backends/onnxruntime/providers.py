"""Turns a model configuration's device and accelerators into ONNX Runtime's execution providers.

The names are those of the genuine ``onnxruntime`` backend. It hands an unknown option of CUDA on to
ONNX Runtime and refuses an unknown one of TensorRT; here both are refused by name. Where a GPU is
asked for and there is none, ONNX Runtime in Python would answer from the CPU; here the model does
not become ready.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from session_options import INT_MAX, SIZE_MAX, parameters, whole_number
from strict_config import ConfigError

__all__ = ["CUDA_KEYS", "TENSORRT_KEYS", "make_providers", "require_device"]

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
NAMES = {"cuda": CUDA, "tensorrt": TENSORRT}

# The model's own parameters that CUDA takes. Triton has numbers where ONNX Runtime has words.
TOP_LEVEL: Mapping[str, Mapping[str, str] | None] = {
    "gpu_mem_limit": None,
    "arena_extend_strategy": {"0": "kNextPowerOfTwo", "1": "kSameAsRequested"},
    "cudnn_conv_algo_search": {"0": "EXHAUSTIVE", "1": "HEURISTIC", "2": "DEFAULT"},
    "do_copy_in_default_stream": {"0": "0", "1": "1", "false": "0", "true": "1"},
}
CUDA_KEYS = (
    "cudnn_conv1d_pad_to_nc1d",
    "cudnn_conv_use_max_workspace",
    "enable_skip_layer_norm_strict_mode",
    "prefer_nhwc",
    "tunable_op_enable",
    "tunable_op_max_tuning_duration_ms",
    "tunable_op_tuning_enable",
    "use_ep_level_unified_stream",
    "use_tf32",
)
# ONNX Runtime calls them as Triton does, but for these.
TENSORRT_RENAMED = {"max_workspace_size_bytes": "trt_max_workspace_size"}
TENSORRT_PRECISIONS = {"FP32": {}, "FP16": {"trt_fp16_enable": "1"}}
TENSORRT_KEYS = (
    "max_workspace_size_bytes",
    "precision_mode",
    "trt_auxiliary_streams",
    "trt_build_heuristics_enable",
    "trt_builder_optimization_level",
    "trt_context_memory_sharing_enable",
    "trt_detailed_build_log",
    "trt_dump_subgraphs",
    "trt_engine_cache_enable",
    "trt_engine_cache_path",
    "trt_extra_plugin_lib_paths",
    "trt_force_sequential_engine_build",
    "trt_force_timing_cache",
    "trt_layer_norm_fp32_fallback",
    "trt_max_partition_iterations",
    "trt_min_subgraph_size",
    "trt_profile_max_shapes",
    "trt_profile_min_shapes",
    "trt_profile_opt_shapes",
    "trt_sparsity_enable",
    "trt_tactic_sources",
    "trt_timing_cache_enable",
    "trt_timing_cache_path",
)
TENSORRT_NUMBERS = {
    "max_workspace_size_bytes": SIZE_MAX,
    "trt_auxiliary_streams": INT_MAX,
    "trt_builder_optimization_level": INT_MAX,
    "trt_max_partition_iterations": INT_MAX,
    "trt_min_subgraph_size": INT_MAX,
}
"""Those the genuine backend reads as a number; one that is larger ends its server."""
KEYS = {"cuda": CUDA_KEYS, "tensorrt": TENSORRT_KEYS}

Providers = list[tuple[str, dict[str, str]]]


def make_providers(
    config: Mapping[str, Any], kind: str, device: int, available: Collection[str]
) -> Providers:
    """Return the execution providers of one instance, the preferred first, with their options.

    Args:
        config: the model configuration as Triton hands it to a backend.
        kind: of the instance: ``CPU`` or ``GPU``.
        device: of the instance.
        available: providers that this ONNX Runtime was built with.

    Raises:
        ConfigError: for an unknown accelerator or parameter, a value out of its range, or a
            provider that is not available.
    """
    accelerators = _accelerators(config)
    if kind != "GPU":
        return [(CPU, {})]
    number = {"device_id": str(device)}
    providers: Providers = []
    if "tensorrt" in accelerators:
        providers.append((TENSORRT, _tensorrt(config, accelerators["tensorrt"]) | number))
    options = {**accelerators.get("cuda", {}), **_top_level(config), **number}
    providers.append((CUDA, options))
    for name, _ in providers:
        if name not in available:
            raise ConfigError(
                f"model '{config['name']}': its instance is KIND_GPU, and the ONNX Runtime of the "
                f"server environment has no {name}, only {', '.join(sorted(available))}. Use "
                "Triton's container on a machine with a GPU, or a target for the CPU."
            )
    return [*providers, (CPU, {})]


def require_device(
    config: Mapping[str, Any], wanted: Sequence[tuple[str, Any]], opened: Sequence[str]
) -> None:
    """Refuse a session that was opened on less than it was asked for.

    Args:
        config: the model configuration.
        wanted: from :func:`make_providers`.
        opened: the providers that the session says it has.

    Raises:
        ConfigError: if one of the wanted ones is missing.
    """
    for name, options in wanted:
        if name not in opened:
            raise ConfigError(
                f"model '{config['name']}': its instance is KIND_GPU, and ONNX Runtime could not "
                f"open {name} on device {options['device_id']}: this machine has no such CUDA "
                f"device, or its driver and libraries do not fit. It opened {', '.join(opened)}."
            )


def _accelerators(config: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the parameters of each GPU accelerator, checked by name."""
    chosen = config.get("optimization", {}).get("execution_accelerators", {})
    for entry in chosen.get("cpu_execution_accelerator", ()):
        raise ConfigError(
            f"model '{config['name']}': the local onnxruntime backend does not support the CPU "
            f"execution accelerator '{entry['name']}'."
        )
    found: dict[str, dict[str, str]] = {}
    for entry in chosen.get("gpu_execution_accelerator", ()):
        name = entry["name"]
        if name not in KEYS:
            raise ConfigError(
                f"model '{config['name']}': unknown execution accelerator '{name}'; the "
                f"onnxruntime backend knows {', '.join(KEYS)}."
            )
        found[name] = dict(entry.get("parameters", {}))
        for key in sorted(found[name]):
            _check_key(config, name, key)
    return found


def _check_key(config: Mapping[str, Any], accelerator: str, key: str) -> None:
    if key in KEYS[accelerator]:
        return
    if key in TOP_LEVEL:
        raise ConfigError(
            f"model '{config['name']}': parameter '{key}' has no effect in the execution "
            f"accelerator '{accelerator}', Triton overwrites it; write it into the model's own "
            "parameters."
        )
    raise ConfigError(
        f"model '{config['name']}': unknown parameter '{key}' of the execution accelerator "
        f"'{accelerator}'; known are {', '.join(KEYS[accelerator])}."
    )


def _top_level(config: Mapping[str, Any]) -> dict[str, str]:
    """Return CUDA's options among the model's own parameters, in ONNX Runtime's words."""
    found = {}
    for key, value in parameters(config).items():
        if key not in TOP_LEVEL:
            continue
        words = TOP_LEVEL[key]
        if words is None:
            found[key] = str(whole_number(config, key, value, SIZE_MAX))
        elif value in words:
            found[key] = words[value]
        else:
            raise ConfigError(
                f"model '{config['name']}': parameter '{key}' is {value!r}; allowed is "
                f"{', '.join(words)}."
            )
    return found


def _tensorrt(config: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """Return TensorRT's options in ONNX Runtime's words."""
    precision = given.get("precision_mode", "FP32")
    if precision not in TENSORRT_PRECISIONS:
        raise ConfigError(
            f"model '{config['name']}': parameter 'precision_mode' is {precision!r}; allowed is "
            f"{', '.join(TENSORRT_PRECISIONS)}."
        )
    for key, most in TENSORRT_NUMBERS.items():
        if key in given:
            whole_number(config, key, given[key], most)
    options = {
        TENSORRT_RENAMED.get(key, key): value
        for key, value in given.items()
        if key != "precision_mode"
    }
    return options | TENSORRT_PRECISIONS[precision]
