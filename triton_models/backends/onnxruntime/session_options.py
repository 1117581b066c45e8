"""Turns a model configuration's parameters into ONNX Runtime's options.

The keys and their meaning are those of the genuine ``onnxruntime`` backend. It ignores a key that
it does not know, so a misspelled thread count would silently take every core; here it is refused.
It reads a count as a C int, and one that is larger ends its server; here that is refused too.
"""

from collections.abc import Mapping
from typing import Any

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state
from strict_config import ConfigError

__all__ = [
    "INT_MAX",
    "LOAD_ERRORS",
    "SIZE_MAX",
    "known_keys",
    "make_run_options",
    "make_session_options",
    "parameters",
    "whole_number",
]

LOAD_ERRORS = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NoModel,
    state.NoSuchFile,
    state.NotImplemented,
    state.RuntimeException,
)
"""What ONNX Runtime answers to a graph or a library that it cannot load."""
DEVICE_INITIALIZERS = "session.use_device_allocator_for_initializers"
ARENA_SHRINKAGE = "memory.enable_memory_arena_shrinkage"
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
    *CUDA_KEYS,
)
GRAPH_LEVELS = {
    0: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
    1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    -1: onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    2: onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
BOOLEANS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
INT_MAX = 2**31 - 1
SIZE_MAX = 2**64 - 1


def make_session_options(config: Mapping[str, Any]) -> onnxruntime.SessionOptions:
    """Return the session options a configuration asks for.

    Raises:
        ConfigError: for an unknown parameter, a value out of its range, or an operator library that
            does not load.
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
    _add_operators(config, options)
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
    known = known_keys(onnxruntime.__version__)
    unknown = sorted(values.keys() - set(known))
    if unknown:
        raise ConfigError(
            f"model '{config['name']}': unknown parameter '{unknown[0]}'; the onnxruntime backend "
            f"knows {', '.join(known)}."
        )
    return values


def known_keys(version: str) -> tuple[str, ...]:
    """Return the parameters that the backend knows in the release that has an ONNX Runtime.

    Args:
        version: of ONNX Runtime. Release 25.02, with 1.20, is the first to know one more.
    """
    first, second = (int(part) for part in version.split(".")[:2])
    return (*KEYS, DEVICE_INITIALIZERS) if (first, second) >= (1, 20) else KEYS


def _graph_level(config: Mapping[str, Any]) -> onnxruntime.GraphOptimizationLevel:
    level = int(config.get("optimization", {}).get("graph", {}).get("level", 0))
    if level not in GRAPH_LEVELS:
        raise _bad_value(
            config, "optimization.graph.level", level, "0 (all), 1 (extended), -1 (basic), 2 (off)"
        )
    return GRAPH_LEVELS[level]


def whole_number(config: Mapping[str, Any], key: str, text: str, most: int) -> int:
    """Return a parameter's number.

    Args:
        config: the model configuration.
        key: of the parameter.
        text: its value.
        most: the largest that the genuine backend can hold.

    Raises:
        ConfigError: if it is not written in ASCII digits, or larger.
    """
    digits = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    if not digits or int(text) > most:
        raise _bad_value(config, key, text, f"a whole number from 0 to {most}, in ASCII digits")
    return int(text)


def _count(config: Mapping[str, Any], values: Mapping[str, str], key: str) -> int:
    """Return a count of threads; 0 is ONNX Runtime's own choice."""
    return whole_number(config, key, values.get(key, "0"), INT_MAX)


def _add_operators(config: Mapping[str, Any], options: onnxruntime.SessionOptions) -> None:
    """Load the libraries of custom operators that a configuration names."""
    for name in config.get("model_operations", {}).get("op_library_filename", ()):
        try:
            options.register_custom_ops_library(name)
        except LOAD_ERRORS as error:
            raise ConfigError(
                f"model '{config['name']}': the operator library '{name}' does not load: {error}"
            ) from None


def _boolean(config: Mapping[str, Any], values: Mapping[str, str], key: str) -> bool:
    text = values.get(key, "true").lower()
    if text not in BOOLEANS:
        raise _bad_value(config, key, values[key], "true, on, 1, false, off or 0")
    return BOOLEANS[text]


def _bad_value(config: Mapping[str, Any], key: str, value: object, allowed: str) -> ConfigError:
    return ConfigError(
        f"model '{config['name']}': parameter '{key}' is {value!r}; allowed is {allowed}."
    )
