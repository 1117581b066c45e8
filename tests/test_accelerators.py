"""What a GPU target may say, and what it is told when it says something else."""

from typing import Any

import pytest
from pydantic import ValidationError

from pintower.accelerators import CudaAccelerator, TensorRTAccelerator

PROFILE = {"min": 1, "opt": 4, "max": 16}


def cuda(**parameters: Any) -> CudaAccelerator:
    return CudaAccelerator.model_validate({"kind": "cuda", "parameters": parameters})


def tensorrt(parameters: dict[str, Any] | None = None, **more: Any) -> TensorRTAccelerator:
    values = {"kind": "tensorrt", "profile": PROFILE, "engine_cache": "/var/cache/engines"}
    return TensorRTAccelerator.model_validate({**values, "parameters": parameters or {}, **more})


def test_values_become_the_text_that_triton_reads() -> None:
    given = cuda(use_tf32=False, gpu_mem_limit=1024, cudnn_conv_algo_search=2)
    assert given.own == {"use_tf32": "0"}
    assert given.top_level == {"gpu_mem_limit": "1024", "cudnn_conv_algo_search": "2"}
    assert CudaAccelerator.model_validate(given.model_dump()) == given


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"use_tf31": True}, r"use_tf31 is no parameter of the accelerator 'cuda'.*use_tf32"),
        ({"trt_sparsity_enable": True}, "trt_sparsity_enable is no parameter"),
        ({"use_tf32": "perhaps"}, "use_tf32 is 'perhaps'; allowed is true or false"),
        ({"gpu_mem_limit": "2 GB"}, "gpu_mem_limit is '2 GB'; allowed is a whole number"),
        ({"gpu_mem_limit": 2**64}, f"allowed is a whole number up to {2**64 - 1}"),
        ({"gpu_mem_limit": "٣"}, "gpu_mem_limit is '٣'; allowed is a whole number"),
        ({"arena_extend_strategy": 2}, "arena_extend_strategy is 2; allowed is 0, 1"),
        ({"enable_cuda_graph": True}, "enable_cuda_graph may not be set: .*binds new ones"),
        ({"device_id": 1}, "device_id may not be set"),
    ],
)
def test_a_wrong_cuda_parameter_is_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        cuda(**parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"use_tf32": True}, "use_tf32 is no parameter of the accelerator 'tensorrt'"),
        ({"trt_min_subgraph_size": 2**31}, f"allowed is a whole number up to {2**31 - 1}"),
        ({"precision_mode": "FP16"}, "precision_mode may not be set: it follows from"),
        ({"trt_profile_max_shapes": "INPUT_IDS:1x1"}, r"say accelerator\.profile\.max"),
        ({"trt_builder_optimization_level": 9}, "trt_builder_optimization_level is 9"),
    ],
)
def test_a_wrong_tensorrt_parameter_is_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        tensorrt(parameters)


def test_a_profile_that_falls_is_refused() -> None:
    profile = {**PROFILE, "opt": 32}
    with pytest.raises(ValidationError, match=r"min, opt and max are \[1, 32, 16\]"):
        tensorrt(profile=profile)


def test_tensorrt_takes_the_query_encoder_alone() -> None:
    with pytest.raises(ValidationError, match="a scorer has to answer for no pins"):
        tensorrt(models=["query_encoder", "scorer"])


@pytest.mark.parametrize("folder", ["engines", "/var/cache/engines/", ""])
def test_the_engine_cache_is_an_absolute_folder(folder: str) -> None:
    with pytest.raises(ValidationError, match="engine_cache"):
        tensorrt(engine_cache=folder)
