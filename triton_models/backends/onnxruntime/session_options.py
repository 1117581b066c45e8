"""Turns a model configuration's parameters into ONNX Runtime's options.

The keys and their meaning are those of the genuine ``onnxruntime`` backend. It ignores a key that
it does not know, so a misspelled thread count would silently take every core; here it is refused.
"""

from collections.abc import Mapping
from typing import Any

import onnxruntime
from strict_config import ConfigError

__all__ = ["make_run_options", "make_session_options", "parameters"]

ARENA_SHRINKAGE = "memory.enable_memory_arena_shrinkage"
DEVICE_INITIALIZERS = "session.use_device_allocator_for_initializers"
CUDA_KEYS = (
    "gpu_mem_limit",
    "arena_extend_strategy",
    "cudnn_conv_algo_search",
    "do_copy_in_default_stream",
)
KEYS = (
    "intra_op_thread_count",
    "inter_op_thread_count",
    "execution_mode",
    "enable_mem_arena",
    "enable_mem_pattern",
    ARENA_SHRINKAGE,
    DEVICE_INITIALIZERS,
    *CUDA_KEYS,
)
GRAPH_LEVELS = {
    0: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    -1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    2: onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def make_session_options(config: Mapping[str, Any]) -> onnxruntime.SessionOptions:
    """Return the session options a configuration asks for.

    Raises:
        ConfigError: for an unknown parameter or a value out of its range.
    """
    values = parameters(config)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = _graph_level(config)
    options.intra_op_num_threads = _count(config, values, "intra_op_thread_count")
    options.inter_op_num_threads = _count(config, values, "inter_op_thread_count")
    mode = values.get("execution_mode", "0")
    if mode not in ("0", "1"):
        raise _bad_value(config, "execution_mode", mode, "0 (sequential) or 1 (parallel)")
    options.execution_mode = (
        onnxruntime.ExecutionMode.ORT_PARALLEL
        if mode == "1"
        else onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    )
    options.enable_cpu_mem_arena = _boolean(config, values, "enable_mem_arena")
    options.enable_mem_pattern = _boolean(config, values, "enable_mem_pattern")
    if DEVICE_INITIALIZERS in values:
        options.add_session_config_entry(DEVICE_INITIALIZERS, values[DEVICE_INITIALIZERS])
    return options


def make_run_options(config: Mapping[str, Any]) -> onnxruntime.RunOptions | None:
    """Return the options of each run, or None where the configuration asks for nothing."""
    devices = parameters(config).get(ARENA_SHRINKAGE)
    if devices is None:
        return None
    options = onnxruntime.RunOptions()
    options.add_run_config_entry(ARENA_SHRINKAGE, devices)
    return options


def parameters(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the model's own parameters.

    Raises:
        ConfigError: for one that the backend does not know.
    """
    values = {key: entry["string_value"] for key, entry in config.get("parameters", {}).items()}
    unknown = sorted(values.keys() - set(KEYS))
    if unknown:
        raise ConfigError(
            f"model '{config['name']}': unknown parameter '{unknown[0]}'; the onnxruntime backend "
            f"knows {', '.join(KEYS)}."
        )
    return values


def _graph_level(config: Mapping[str, Any]) -> onnxruntime.GraphOptimizationLevel:
    level = int(config.get("optimization", {}).get("graph", {}).get("level", 0))
    if level not in GRAPH_LEVELS:
        raise _bad_value(
            config, "optimization.graph.level", level, "0 (all), 1 (extended), -1 (basic), 2 (off)"
        )
    return GRAPH_LEVELS[level]


def _count(config: Mapping[str, Any], values: Mapping[str, str], key: str) -> int:
    text = values.get(key, "0")
    if not text.isdecimal():
        raise _bad_value(config, key, text, "a whole number, 0 for ONNX Runtime's own choice")
    return int(text)


def _boolean(config: Mapping[str, Any], values: Mapping[str, str], key: str) -> bool:
    text = values.get(key, "true").lower()
    if text not in BOOLEANS:
        raise _bad_value(config, key, values[key], "true, false, 1 or 0")
    return BOOLEANS[text]


def _bad_value(config: Mapping[str, Any], key: str, value: object, allowed: str) -> ConfigError:
    return ConfigError(
        f"model '{config['name']}': parameter '{key}' is {value!r}; allowed is {allowed}."
    )
