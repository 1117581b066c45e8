"""Triton's model configurations, as pure functions of the contract.

Every value Triton would choose for itself is written out: it starts two instances of a CPU model,
lets ONNX Runtime take every core, and turns an unsaid ``max_batch_size`` into 4.
"""

from collections.abc import Iterable

from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelInput

from pintower.contracts import Contract, DType, Tensor
from pintower.repository.devices import place_on_device
from pintower.repository.interfaces import (
    PYTHON_MODELS,
    SERVED_GRAPHS,
    Interface,
    Step,
    ensembles,
    interfaces,
)
from pintower.targets import Target

__all__ = ["DATA_TYPES", "dims", "model_configs"]

DATA_TYPES: dict[DType, str] = {
    "BOOL": "TYPE_BOOL",
    "INT32": "TYPE_INT32",
    "INT64": "TYPE_INT64",
    "FP16": "TYPE_FP16",
    "FP32": "TYPE_FP32",
    "BYTES": "TYPE_STRING",
}
"""A contract's dtypes, as ``config.pbtxt`` calls them."""


def model_configs(contract: Contract, version: int) -> dict[str, ModelConfig]:
    """Return the configuration of every model of a release.

    One model has a response cache: what answers each query by its ids alone, and never with an
    error. Triton caches errors, and on the second one inside an ensemble the server (24.10)
    crashes: the tokenizer has none, because a client's malformed text fails before its code is
    reached.

    Args:
        contract: resolved.
        version: of every model; the only one that is served, and the one ensembles pin.
    """
    target = contract.target
    configs = {}
    chains = ensembles(contract)
    for name, interface in interfaces(contract).items():
        config = _tensors_only(name, interface, target)
        config.version_policy.specific.versions.append(version)
        if name in chains:
            config.platform = "ensemble"
            _add_steps(config, chains[name], version)
        elif name in SERVED_GRAPHS:
            _add_onnxruntime(config, target)
        elif name in PYTHON_MODELS:
            config.backend = "python"
        if name not in chains:
            place_on_device(config, contract)
        if name == target.cached_model:
            config.response_cache.enable = True
        configs[name] = config
    configs["pin_features"].parameters["space_id"].string_value = contract.space_id
    if target.merge_queries:
        # Without a delay queries that wait for the encoder are merged, and none is made to wait.
        batching = configs["query_encoder"].dynamic_batching
        batching.SetInParent()
        batching.max_queue_delay_microseconds = target.queue_delay_us
    return configs


def dims(tensor: Tensor, *, batched: bool) -> list[int]:
    """Return a tensor's dims as a configuration lists them.

    Args:
        tensor: at its whole shape.
        batched: the first axis is the batch, which a configuration leaves out.
    """
    shape = tensor.shape[1:] if batched else tensor.shape
    return [dim if isinstance(dim, int) else -1 for dim in shape]


def _tensors_only(name: str, interface: Interface, target: Target) -> ModelConfig:
    config = ModelConfig(name=name)
    config.max_batch_size = target.max_batch_size if interface.batched else 0
    for entries, tensors in (
        (config.input, interface.inputs),
        (config.output, interface.outputs),
    ):
        _add_tensors(entries, tensors, batched=interface.batched)
    return config


def _add_tensors(entries: ModelInput, tensors: Iterable[Tensor], *, batched: bool) -> None:
    for tensor in tensors:
        entries.add(
            name=tensor.name,
            data_type=DATA_TYPES[tensor.dtype],
            dims=dims(tensor, batched=batched),
        )


def _add_onnxruntime(config: ModelConfig, target: Target) -> None:
    threads = target.threads[config.name]
    config.backend = "onnxruntime"
    config.default_model_filename = "model.onnx"
    for key, count in (
        ("intra_op_thread_count", threads.intra_op),
        ("inter_op_thread_count", threads.inter_op),
    ):
        config.parameters[key].string_value = str(count)


def _add_steps(config: ModelConfig, steps: Iterable[Step], version: int) -> None:
    for step in steps:
        config.ensemble_scheduling.step.add(
            model_name=step.model,
            model_version=version,
            input_map=dict(step.inputs),
            output_map=dict(step.outputs),
        )
