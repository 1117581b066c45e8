"""Numbers in the configuration of an ``onnxruntime`` model that its server could not read.

The genuine backend reads them as C numbers and lets one that is too large end the whole server.
"""

from collections.abc import Iterator, Mapping

from tritonclient.grpc.model_config_pb2 import ModelConfig

from pintower.accelerators import TENSORRT_PARAMETERS
from pintower.whole_numbers import INT_MAX, SIZE_MAX, is_whole_number

__all__ = ["parameter_findings"]

_OWN: Mapping[str, int] = {
    "intra_op_thread_count": INT_MAX,
    "inter_op_thread_count": INT_MAX,
    "execution_mode": INT_MAX,
    "arena_extend_strategy": INT_MAX,
    "cudnn_conv_algo_search": INT_MAX,
    "gpu_mem_limit": SIZE_MAX,
}
_TENSORRT: Mapping[str, int] = {
    key: SIZE_MAX if kind == "size" else INT_MAX
    for key, kind in TENSORRT_PARAMETERS.items()
    if kind in ("count", "size") or key == "trt_builder_optimization_level"
}


def parameter_findings(model: str, config: ModelConfig) -> Iterator[str]:
    """Yield the parameters of a model that are no number the backend can read.

    Args:
        model: the name of its folder.
        config: as parsed.
    """
    if config.backend != "onnxruntime":
        return
    own = {key: value.string_value for key, value in config.parameters.items()}
    yield from _findings(model, own, _OWN)
    for entry in config.optimization.execution_accelerators.gpu_execution_accelerator:
        if entry.name == "tensorrt":
            yield from _findings(model, entry.parameters, _TENSORRT)


def _findings(model: str, given: Mapping[str, str], numbers: Mapping[str, int]) -> Iterator[str]:
    for key, most in numbers.items():
        if key in given and not is_whole_number(given[key], most):
            yield (
                f"{model}: parameter {key} is {given[key]!r}; allowed is a whole number from 0 to "
                f"{most} in ASCII digits, and a larger one ends the server"
            )
