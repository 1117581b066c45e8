"""Comparing one ``config.pbtxt`` with what the contract makes of it."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from tritonclient.grpc import model_config_pb2
from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelInstanceGroup

__all__ = ["config_findings", "shape_text", "type_name"]

_EXPLICIT_BATCH = re.compile(r"^\s*max_batch_size\s*:", re.MULTILINE)


def config_findings(
    model: str, config: ModelConfig, text: str, expected: ModelConfig
) -> Iterator[str]:
    """Yield what a configuration says otherwise than the contract.

    Args:
        model: the name of its folder.
        config: as parsed.
        text: it was parsed from.
        expected: what the contract makes of this model.
    """
    if config.name != model:
        yield f"{model}: config.pbtxt names the model {config.name!r}"
    if not _EXPLICIT_BATCH.search(text):
        yield f"{model}: max_batch_size is not written; Triton would choose one itself"
    for field in ("platform", "backend", "max_batch_size"):
        found, wanted = getattr(config, field), getattr(expected, field)
        if found != wanted:
            yield f"{model}: {field} is {found!r}, expected {wanted!r}"
    for side in ("input", "output"):
        yield from _tensor_findings(model, side, getattr(config, side), getattr(expected, side))
    yield from _device_findings(model, config, expected)
    served = list(config.version_policy.specific.versions)
    for version in expected.version_policy.specific.versions:
        if version not in served:
            yield f"{model}: version {version} is not among the served versions {served}"
    for key, value in expected.parameters.items():
        found = config.parameters[key].string_value if key in config.parameters else None
        if found != value.string_value:
            yield f"{model}: parameter {key} is {found}, expected {value.string_value}"


def type_name(data_type: int) -> str:
    """Return a dtype as a configuration writes it."""
    name: str = model_config_pb2.DataType.Name(data_type)
    return name


def shape_text(dims: Sequence[int]) -> str:
    """Return dims as text."""
    return "[" + ", ".join(str(dim) for dim in dims) + "]"


def _device_findings(model: str, config: ModelConfig, expected: ModelConfig) -> Iterator[str]:
    """Compare the device and what hangs on it: accelerators, and a cache that a GPU cannot fill."""
    for what, of in (("instances", _kinds), ("accelerators", _accelerators)):
        found, wanted = of(config), of(expected)
        if found != wanted:
            yield f"{model}: its {what} are {found}, expected {wanted}"
    if config.response_cache.enable and not expected.response_cache.enable:
        yield f"{model}: response_cache is on, expected off"


def _kinds(config: ModelConfig) -> list[str]:
    return sorted({ModelInstanceGroup.Kind.Name(group.kind) for group in config.instance_group})


def _accelerators(config: ModelConfig) -> dict[str, dict[str, str]]:
    chosen = config.optimization.execution_accelerators
    given = (*chosen.gpu_execution_accelerator, *chosen.cpu_execution_accelerator)
    return {item.name: dict(item.parameters) for item in given}


def _tensor_findings(
    model: str, side: str, found: Sequence[Any], wanted: Sequence[Any]
) -> Iterator[str]:
    given = {tensor.name: tensor for tensor in found}
    expected = {tensor.name: tensor for tensor in wanted}
    for name in given:
        if name not in expected:
            yield f"{model}: {side} {name} is not in the contract; expected {', '.join(expected)}"
    for name, tensor in expected.items():
        if name not in given:
            yield f"{model}: {side} {name} is missing; found {', '.join(given) or 'none'}"
            continue
        actual = given[name]
        if actual.data_type != tensor.data_type:
            yield (
                f"{model}: {side} {name} is {type_name(actual.data_type)}, the contract says "
                f"{type_name(tensor.data_type)}"
            )
        if list(actual.dims) != list(tensor.dims):
            yield (
                f"{model}: {side} {name} has dims {shape_text(actual.dims)}, the contract says "
                f"{shape_text(tensor.dims)}"
            )
