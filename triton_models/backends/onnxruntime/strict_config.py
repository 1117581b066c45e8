"""Compares a Triton model configuration with its ONNX graph, as the genuine backend does.

The genuine ``onnxruntime`` backend refuses to load a model whose configuration and graph disagree.
A laxer stand-in would call models ready that fail in production, so every rule here follows the
genuine one:

- every required graph input is configured and not ``optional``; an ``optional`` one overrides an
  initializer, and no other input is configured (the genuine backend counts: as many inputs that are
  not optional as the graph requires);
- every configured output exists in the graph (a subset of the graph's outputs is allowed);
- data types are equal;
- with ``max_batch_size`` above 0 the graph's first dimension is dynamic and the configured dims
  follow it, otherwise the configured dims are the whole shape;
- an input's dimension may be fixed in the configuration where the graph leaves it open; an output's
  dimensions have to be equal to the graph's, dynamic ones written as -1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["ConfigError", "TensorSpec", "check_tensors", "tensor_spec"]

# ONNX Runtime's name of an element type -> the configuration's.
DATA_TYPES = {
    "tensor(bool)": "TYPE_BOOL",
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(uint16)": "TYPE_UINT16",
    "tensor(uint32)": "TYPE_UINT32",
    "tensor(uint64)": "TYPE_UINT64",
    "tensor(int8)": "TYPE_INT8",
    "tensor(int16)": "TYPE_INT16",
    "tensor(int32)": "TYPE_INT32",
    "tensor(int64)": "TYPE_INT64",
    "tensor(float16)": "TYPE_FP16",
    "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64",
}


class ConfigError(ValueError):
    """The configuration does not fit the graph or this backend; the model must not become ready."""


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a graph.

    Attributes:
        name: the tensor's name.
        data_type: as the configuration writes it ("TYPE_FP32"), or ONNX Runtime's own word for a
            type that cannot be served.
        shape: one number a dimension, -1 where the graph leaves it open.
    """

    name: str
    data_type: str
    shape: tuple[int, ...]


def tensor_spec(name: str, element_type: str, shape: Sequence[int | str | None]) -> TensorSpec:
    """Translate what ONNX Runtime says of a tensor; named and unknown dimensions become -1."""
    dims = tuple(size if isinstance(size, int) else -1 for size in shape)
    return TensorSpec(name, DATA_TYPES.get(element_type, element_type), dims)


def check_tensors(
    config: Mapping[str, Any],
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    overridable: Sequence[TensorSpec] = (),
) -> None:
    """Check the configured tensors against the graph's.

    Args:
        config: the model configuration as Triton hands it to a backend.
        inputs: the graph's required inputs.
        outputs: the graph's outputs.
        overridable: initializers that a request may override; they are ``optional`` inputs.

    Raises:
        ConfigError: at the first disagreement; the message names the model and the tensor.
    """
    model = config["name"]
    batched = config["max_batch_size"] > 0
    required = {spec.name: spec for spec in inputs}
    known_inputs = required | {spec.name: spec for spec in overridable}
    known_outputs = {spec.name: spec for spec in outputs}
    for entry in config["input"]:
        _check_supported(model, entry, batched=batched)
        spec = _find(model, entry, known_inputs, "input")
        _check_optional(model, entry, needed=spec.name in required)
        _check_data_type(model, entry, spec, "input")
        _check_shape(model, entry, spec, "input", batched=batched)
    missing = sorted(required.keys() - {entry["name"] for entry in config["input"]})
    if missing:
        raise ConfigError(
            f"model '{model}': the graph needs input '{missing[0]}', which the configuration does "
            f"not list; the graph's inputs are {sorted(required)}. Add it to config.pbtxt."
        )
    for entry in config["output"]:
        _check_supported(model, entry, batched=batched)
        spec = _find(model, entry, known_outputs, "output")
        _check_data_type(model, entry, spec, "output")
        _check_shape(model, entry, spec, "output", batched=batched)


def _check_optional(model: str, entry: Mapping[str, Any], *, needed: bool) -> None:
    """Refuse an optional input that the graph requires, and a required one that it does not."""
    if bool(entry.get("optional")) != needed:
        return
    what, remedy = (
        ("is optional, and the graph requires it", "take `optional: true` away")
        if needed
        else ("overrides an initializer and is not optional", "write `optional: true`")
    )
    raise ConfigError(f"model '{model}', input '{entry['name']}' {what}; {remedy}.")


def _check_supported(model: str, entry: Mapping[str, Any], *, batched: bool) -> None:
    if entry.get("optional") and batched:
        raise ConfigError(
            f"model '{model}', input '{entry['name']}': optional inputs are not supported for "
            "models that batch; set max_batch_size: 0 or make the input required."
        )
    for key in ("reshape", "allow_ragged_batch", "is_shape_tensor"):
        if entry.get(key):
            raise ConfigError(
                f"model '{model}', tensor '{entry['name']}': the local onnxruntime backend does "
                f"not support '{key}'; give the tensor the graph's own shape."
            )


def _find(
    model: str, entry: Mapping[str, Any], known: Mapping[str, TensorSpec], side: str
) -> TensorSpec:
    spec = known.get(entry["name"])
    if spec is None:
        raise ConfigError(
            f"model '{model}': unexpected {side} '{entry['name']}' in the configuration; the graph "
            f"has the {side}s {sorted(known)}."
        )
    return spec


def _check_data_type(model: str, entry: Mapping[str, Any], spec: TensorSpec, side: str) -> None:
    if spec.data_type not in DATA_TYPES.values():
        raise ConfigError(
            f"model '{model}', {side} '{spec.name}': the graph's type {spec.data_type} is not "
            f"supported by the local onnxruntime backend, which serves "
            f"{', '.join(sorted(DATA_TYPES.values()))}."
        )
    if entry["data_type"] != spec.data_type:
        raise ConfigError(
            f"model '{model}', {side} '{spec.name}': the configuration says {entry['data_type']}, "
            f"the graph provides {spec.data_type}."
        )


def _check_shape(
    model: str, entry: Mapping[str, Any], spec: TensorSpec, side: str, *, batched: bool
) -> None:
    dims = tuple(int(size) for size in entry["dims"])
    if batched and (not spec.shape or spec.shape[0] != -1):
        raise ConfigError(
            f"model '{model}', {side} '{spec.name}': with max_batch_size above 0 the graph's first "
            f"dimension has to be dynamic, but its shape is {_text(spec.shape)}."
        )
    full = (-1, *dims) if batched else dims
    if not spec.shape:
        raise ConfigError(
            f"model '{model}', {side} '{spec.name}': the graph's tensor is a scalar, which the "
            "local onnxruntime backend does not support; give it one dimension of size 1."
        )
    exact = side == "output"
    fits = len(full) == len(spec.shape) and all(
        theirs == ours or (theirs == -1 and not exact)
        for theirs, ours in zip(spec.shape, full, strict=True)
    )
    if not fits:
        how = "batch dimension and dims" if batched else "dims"
        raise ConfigError(
            f"model '{model}', {side} '{spec.name}': the graph's shape is {_text(spec.shape)}, the "
            f"configuration's {how} make {_text(full)}"
            + ("; an output's dims have to be equal to the graph's." if exact else ".")
        )


def _text(shape: Sequence[int]) -> str:
    return "[" + ",".join(str(size) for size in shape) + "]"
