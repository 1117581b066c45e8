"""Where a model's instances run, and what ONNX Runtime is told about a GPU."""

from collections.abc import Iterable

from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelInstanceGroup

from pintower.accelerators import PRECISION_PARAMETERS, TensorRTAccelerator
from pintower.contracts import BuiltGraph, Contract, Tensor

__all__ = ["place_on_device"]

_KINDS = {"cpu": ModelInstanceGroup.KIND_CPU, "gpu": ModelInstanceGroup.KIND_GPU}

_CACHE_KEY = 16
"""Characters of an artifact id that name its folder of engines."""


def place_on_device(config: ModelConfig, contract: Contract) -> None:
    """Give a model its instances and, on a GPU, its accelerator.

    On a GPU the count is one a GPU: no GPU is named, so Triton takes every one it sees.

    Args:
        config: of a model; one that the target counts no instances of has one.
        contract: resolved.
    """
    target, name = contract.target, config.name
    device = target.device_of(name)
    count = target.instances.get(name, 1)
    group = ModelInstanceGroup(kind=_KINDS[device], count=count)
    config.instance_group.append(group)
    accelerator = target.accelerator
    if device == "cpu" or accelerator is None:
        return
    for key, value in accelerator.top_level.items():
        config.parameters[key].string_value = value
    parameters = dict(accelerator.own)
    if isinstance(accelerator, TensorRTAccelerator):
        parameters |= _engine(accelerator, contract.graphs[name])
        if target.triton.strongly_typed:  # the graph's own types count
            for key in PRECISION_PARAMETERS:
                parameters.pop(key, None)
    if parameters:
        config.optimization.execution_accelerators.gpu_execution_accelerator.add(
            name=accelerator.kind, parameters=parameters
        )


def _engine(accelerator: TensorRTAccelerator, built: BuiltGraph) -> dict[str, str]:
    """Return what TensorRT builds an engine by: precision, shapes, and where it is kept.

    ONNX Runtime names an engine after the graph's file and tensors. Two releases of one
    architecture have the same names, so in one folder the second would be served with the weights
    of the first.
    """
    profile = accelerator.profile
    return {
        "precision_mode": built.precision.upper(),
        "trt_profile_min_shapes": _shapes(built.inputs, profile.min),
        "trt_profile_opt_shapes": _shapes(built.inputs, profile.opt),
        "trt_profile_max_shapes": _shapes(built.inputs, profile.max),
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": f"{accelerator.engine_cache}/{built.artifact_id[:_CACHE_KEY]}",
    }


def _shapes(inputs: Iterable[Tensor], batch: int) -> str:
    """Return inputs at a batch, in ONNX Runtime's form: ``INPUT_IDS:8x33``."""
    return ",".join(
        f"{tensor.name}:{'x'.join(str(dim) for dim in (batch, *tensor.shape[1:]))}"
        for tensor in inputs
    )
