"""What a GPU target may ask of ONNX Runtime, under the names that Triton's backend knows.

Triton's ``onnxruntime`` backend takes a GPU's options in two places. Most belong to an entry of
``optimization.execution_accelerators.gpu_execution_accelerator``. Four of CUDA's are overwritten
there and count among the model's top-level ``parameters`` only. A target lists all of them in one
table, ``[accelerator.parameters]``; which place is right is decided here. Names that the backend
does not know are refused: CUDA's it would hand on to an error at load, top-level ones it ignores.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pintower.whole_numbers import INT_MAX, SIZE_MAX, is_whole_number

__all__ = [
    "CUDA_PARAMETERS",
    "PRECISION_PARAMETERS",
    "TENSORRT_PARAMETERS",
    "TOP_LEVEL_PARAMETERS",
    "Accelerator",
    "CudaAccelerator",
    "Profile",
    "TensorRTAccelerator",
]

_Kind = Literal["flag", "count", "size", "text"] | tuple[str, ...]
"""Kind of a parameter's value: yes or no, a C ``int``, a ``size_t``, any text, or some words."""

_NUMBERS: Mapping[_Kind, int] = {"count": INT_MAX, "size": SIZE_MAX}

TOP_LEVEL_PARAMETERS: Mapping[str, _Kind] = {
    "gpu_mem_limit": "size",
    "arena_extend_strategy": ("0", "1"),
    "cudnn_conv_algo_search": ("0", "1", "2"),
    "do_copy_in_default_stream": "flag",
}
"""CUDA's options that Triton reads from the model's own ``parameters``, as numbers."""

CUDA_PARAMETERS: Mapping[str, _Kind] = {
    "cudnn_conv1d_pad_to_nc1d": "flag",
    "cudnn_conv_use_max_workspace": "flag",
    "enable_skip_layer_norm_strict_mode": "flag",
    "prefer_nhwc": "flag",
    "tunable_op_enable": "flag",
    "tunable_op_max_tuning_duration_ms": "count",
    "tunable_op_tuning_enable": "flag",
    "use_ep_level_unified_stream": "flag",
    "use_tf32": "flag",
}
"""Parameters of the accelerator ``cuda``."""

TENSORRT_PARAMETERS: Mapping[str, _Kind] = {
    "max_workspace_size_bytes": "size",
    "trt_auxiliary_streams": "count",
    "trt_build_heuristics_enable": "flag",
    "trt_builder_optimization_level": ("0", "1", "2", "3", "4", "5"),
    "trt_context_memory_sharing_enable": "flag",
    "trt_detailed_build_log": "flag",
    "trt_dump_subgraphs": "flag",
    "trt_extra_plugin_lib_paths": "text",
    "trt_force_sequential_engine_build": "flag",
    "trt_force_timing_cache": "flag",
    "trt_layer_norm_fp32_fallback": "flag",
    "trt_max_partition_iterations": "count",
    "trt_min_subgraph_size": "count",
    "trt_sparsity_enable": "flag",
    "trt_tactic_sources": "text",
    "trt_timing_cache_enable": "flag",
    "trt_timing_cache_path": "text",
}
"""Parameters of the accelerator ``tensorrt``, without those that follow from something else."""

PRECISION_PARAMETERS = ("precision_mode", "trt_layer_norm_fp32_fallback")
"""Parameters of TensorRT that mean nothing from version 11 on, where a graph's own types count."""

_REFUSED: Mapping[str, str] = {
    "device_id": "Triton sets it, one instance a GPU",
    "enable_cuda_graph": "a graph replays fixed addresses, and Triton binds new ones each request",
    "trt_cuda_graph_enable": "a graph replays fixed addresses, and Triton binds new ones each "
    "request",
    "precision_mode": "it follows from the precision of the graph that was built",
    "int8_calibration_table_name": "int8 is for CPUs here; on a GPU fp16 is faster",
    "int8_use_native_calibration_table": "int8 is for CPUs here; on a GPU fp16 is faster",
    "trt_engine_cache_enable": "engines are always cached, in accelerator.engine_cache",
    "trt_engine_cache_path": "say accelerator.engine_cache; each artifact gets a folder in it",
    "trt_engine_cache_prefix": "each artifact has a folder of its own in accelerator.engine_cache",
    "trt_profile_min_shapes": "say accelerator.profile.min",
    "trt_profile_opt_shapes": "say accelerator.profile.opt",
    "trt_profile_max_shapes": "say accelerator.profile.max",
}
"""Parameters that Triton knows and a target may not set, and why."""

_FLAGS = {"true": "1", "1": "1", "false": "0", "0": "0"}


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Accelerator(_Model):
    """What both kinds have.

    Attributes:
        models: served models that run on the GPU; the others stay on the CPU.
        parameters: by the names Triton knows, as text; in TOML also true, false and numbers.
    """

    models: Annotated[tuple[str, ...], Field(min_length=1)] = ("query_encoder",)
    parameters: dict[str, str] = {}

    @property
    def top_level(self) -> dict[str, str]:
        """Parameters that belong to the model's own."""
        return {k: v for k, v in self.parameters.items() if k in TOP_LEVEL_PARAMETERS}

    @property
    def own(self) -> dict[str, str]:
        """Parameters that belong to the accelerator's entry."""
        return {k: v for k, v in self.parameters.items() if k not in TOP_LEVEL_PARAMETERS}


class CudaAccelerator(_Accelerator):
    """ONNX Runtime's CUDA execution provider."""

    kind: Literal["cuda"]

    @field_validator("parameters", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        return _checked(value, CUDA_PARAMETERS, "cuda")


class Profile(_Model):
    """Batches one TensorRT engine is built for; others would have it built again, for minutes.

    Attributes:
        min: fewest queries.
        opt: as many as kernels are chosen for.
        max: most.
    """

    min: Annotated[int, Field(gt=0)]
    opt: Annotated[int, Field(gt=0)]
    max: Annotated[int, Field(gt=0)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        sizes = [self.min, self.opt, self.max]
        if sizes != sorted(sizes):
            raise ValueError(f"min, opt and max are {sizes}; they may not fall")
        return self


class TensorRTAccelerator(_Accelerator):
    """ONNX Runtime's TensorRT execution provider; CUDA takes what TensorRT does not.

    Attributes:
        profile: batches of the query encoder.
        engine_cache: folder on the server that engines are kept in. It has to exist and be
            writable. ONNX Runtime finds an engine again by the graph's names, not by its weights,
            so each artifact gets a folder of its own in there.
    """

    kind: Literal["tensorrt"]
    profile: Profile
    engine_cache: Annotated[str, Field(pattern=r"^/.+[^/]$")]

    @field_validator("parameters", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        return _checked(value, TENSORRT_PARAMETERS, "tensorrt")

    @field_validator("models")
    @classmethod
    def _profiled(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value != ("query_encoder",):
            raise ValueError(
                f"models is {list(value)}; TensorRT takes the query encoder alone: a scorer has to "
                "answer for no pins, and no engine has an empty shape"
            )
        return value


Accelerator = Annotated[CudaAccelerator | TensorRTAccelerator, Field(discriminator="kind")]
"""What a GPU target runs its models with."""


def _checked(value: Any, own: Mapping[str, _Kind], name: str) -> Any:
    """Return parameters as text.

    Raises:
        ValueError: for a name that is not known, or a value that is none of its own.
    """
    if not isinstance(value, Mapping):
        return value
    known = {**own, **TOP_LEVEL_PARAMETERS}
    for key in value:
        if key in _REFUSED:
            raise ValueError(f"{key} may not be set: {_REFUSED[key]}")
        if key not in known:
            raise ValueError(
                f"{key} is no parameter of the accelerator {name!r}; allowed: "
                f"{', '.join(sorted(known))}"
            )
    return {key: _as_text(key, given, known[key]) for key, given in value.items()}


def _as_text(key: str, given: object, kind: _Kind) -> str:
    text = str(given).lower() if isinstance(given, bool) else str(given)
    if kind == "flag" and text in _FLAGS:
        return _FLAGS[text]
    if kind in _NUMBERS:
        if is_whole_number(text, _NUMBERS[kind]):
            return text
        raise ValueError(f"{key} is {given!r}; allowed is a whole number up to {_NUMBERS[kind]}")
    if kind == "text" and text:
        return text
    if isinstance(kind, tuple) and text in kind:
        return text
    allowed = {"flag": "true or false", "text": "a text"}
    what = allowed[kind] if isinstance(kind, str) else ", ".join(kind)
    raise ValueError(f"{key} is {given!r}; allowed is {what}")
