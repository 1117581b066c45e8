"""The genuine server, on a repository of tiny models."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from onnx import TensorProto

from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ServerEnvironment, ensure_environment
from pintower.serving.server import TritonServer
from tests.serving.tiny_repository import (
    arithmetic_graph,
    model_config,
    overridable_graph,
    write_model,
    write_relevance,
)

Infer = Callable[..., triton.InferResult]


@pytest.fixture(scope="session")
def environment() -> ServerEnvironment:
    """The server environment, installed when it is missing."""
    return ensure_environment()


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of tiny models that all load."""
    folder = tmp_path_factory.mktemp("repository")
    write_model(folder, model_config("plain", max_batch_size=0, dims=[-1]), arithmetic_graph(["n"]))
    batched = model_config("batched", max_batch_size=8, dims=[4])
    batched.dynamic_batching.max_queue_delay_microseconds = 50_000
    write_model(folder, batched, arithmetic_graph(["batch", 4]))
    cached = model_config("cached", max_batch_size=8, dims=[4], outputs=("SUM",))
    cached.response_cache.enable = True
    write_model(folder, cached, arithmetic_graph(["batch", 4]))
    for data_type, element in (
        ("TYPE_INT64", TensorProto.INT64),
        ("TYPE_FP16", TensorProto.FLOAT16),
    ):
        name = f"typed_{data_type.removeprefix('TYPE_').lower()}"
        config = model_config(name, max_batch_size=0, dims=[-1], data_type=data_type)
        write_model(folder, config, arithmetic_graph(["n"], element))
    overridable = model_config("overridable", max_batch_size=0, dims=[-1, 2])
    overridable.input[1].optional = True
    write_model(folder, overridable, overridable_graph(2))
    write_relevance(folder)
    return folder


@pytest.fixture(scope="session")
def server(environment: ServerEnvironment, repository: Path) -> Iterator[TritonServer]:
    """The genuine server on that repository."""
    with TritonServer(environment, repository, addresses=free_addresses()) as running:
        yield running


@pytest.fixture(scope="session")
def infer(server: TritonServer) -> Iterator[Infer]:
    """Ask a model: ``infer("plain", A=..., B=..., outputs=[...])``."""
    client = triton.InferenceServerClient(server.addresses.grpc_url)

    def ask(
        model: str, *, outputs: list[str] | None = None, **arrays: np.ndarray
    ) -> triton.InferResult:
        inputs = []
        for name, array in arrays.items():
            kind = {"float32": "FP32", "float16": "FP16", "int64": "INT64"}[array.dtype.name]
            tensor = triton.InferInput(name, array.shape, kind)
            tensor.set_data_from_numpy(array)
            inputs.append(tensor)
        wanted = outputs and [triton.InferRequestedOutput(name) for name in outputs]
        return client.infer(model, inputs, outputs=wanted, client_timeout=30)

    yield ask
    client.close()
