"""The strict onnxruntime backend inside the genuine server."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tritonclient.grpc import InferResult
from tritonclient.grpc import model_config_pb2 as pb
from tritonclient.utils import InferenceServerException

from pintower.errors import RepositoryError
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ServerEnvironment
from pintower.serving.metrics import scrape_metrics, subtract_metrics
from pintower.serving.server import TritonServer
from tests.serving.tiny_repository import (
    arithmetic_graph,
    model_config,
    overridable_graph,
    write_model,
)

Infer = Callable[..., InferResult]

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def refusals(environment: ServerEnvironment, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a server says of a repository in which each model is wrong in one way."""
    folder = tmp_path_factory.mktemp("refused")
    unbatched = arithmetic_graph(["n", 4])
    wrong = {
        "wrong_input": model_config("x", max_batch_size=0, dims=[-1, 4], inputs=("A", "B", "C")),
        "wrong_output": model_config("x", max_batch_size=0, dims=[-1, 4], outputs=("TOTAL",)),
        "missing_input": model_config("x", max_batch_size=0, dims=[-1, 4], inputs=("A",)),
        "wrong_type": model_config("x", max_batch_size=0, dims=[-1, 4], data_type="TYPE_FP16"),
        "wrong_dim": model_config("x", max_batch_size=0, dims=[-1, 5]),
        "wrong_rank": model_config("x", max_batch_size=0, dims=[-1]),
        "fixed_batch": model_config("x", max_batch_size=8, dims=[4]),
        "wrong_parameter": model_config(
            "x", max_batch_size=0, dims=[-1, 4], parameters={"intra_op_threads": "1"}
        ),
    }
    for name, key in (("cuda_parameter", "use_tf31"), ("cuda_top_level", "gpu_mem_limit")):
        wrong[name] = model_config("x", max_batch_size=0, dims=[-1, 4])
        accelerators = wrong[name].optimization.execution_accelerators
        accelerators.gpu_execution_accelerator.add(name="cuda", parameters={key: "0"})
    wrong["on_gpu"] = model_config("x", max_batch_size=0, dims=[-1, 4])
    wrong["on_gpu"].instance_group[0].kind = pb.ModelInstanceGroup.KIND_GPU
    wrong["in_sequences"] = model_config("x", max_batch_size=0, dims=[-1, 4])
    wrong["in_sequences"].sequence_batching.SetInParent()
    wrong["optional_input"] = model_config("x", max_batch_size=0, dims=[-1, 4])
    wrong["optional_input"].input[1].optional = True
    wrong["required_initializer"] = model_config("x", max_batch_size=0, dims=[-1, 4])
    wrong["no_operators"] = model_config("x", max_batch_size=0, dims=[-1, 4])
    wrong["no_operators"].model_operations.op_library_filename.append("/nowhere/libops.so")
    for name, key, value in (
        ("other_digits", "intra_op_thread_count", "٣"),
        ("beyond_an_int", "inter_op_thread_count", str(2**31)),
        ("later_parameter", "session.use_device_allocator_for_initializers", "1"),
    ):
        wrong[name] = model_config("x", max_batch_size=0, dims=[-1, 4], parameters={key: value})
    for name, config in wrong.items():
        config.name = name
        graph = arithmetic_graph([1, 4]) if name == "fixed_batch" else unbatched
        if name == "required_initializer":
            graph = overridable_graph(4)
        write_model(folder, config, graph)
    write_model(folder, model_config("no_graph", max_batch_size=0, dims=[-1, 4]), unbatched)
    (folder / "no_graph" / "1" / "model.onnx").write_bytes(b"no graph")
    write_model(folder, model_config("no_file", max_batch_size=0, dims=[-1, 4]), unbatched)
    (folder / "no_file" / "1" / "model.onnx").unlink()
    log = tmp_path_factory.mktemp("log") / "server.log"
    server = TritonServer(environment, folder, addresses=free_addresses(), log_file=log)
    with pytest.MonkeyPatch.context() as hidden, pytest.raises(RepositoryError) as caught:
        hidden.setenv("CUDA_VISIBLE_DEVICES", "")  # what it says of a machine without a GPU
        server.start()
    return str(caught.value)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("wrong_input", "unexpected input 'C'"),
        ("wrong_output", "unexpected output 'TOTAL'"),
        ("missing_input", "the graph needs input 'B'"),
        ("wrong_type", "input 'A': the configuration says TYPE_FP16, the graph provides TYPE_FP32"),
        (
            "wrong_dim",
            "input 'A': the graph's shape is [-1,4], the configuration's dims make [-1,5]",
        ),
        (
            "wrong_rank",
            "input 'A': the graph's shape is [-1,4], the configuration's dims make [-1]",
        ),
        ("fixed_batch", "the graph's first dimension has to be dynamic"),
        ("wrong_parameter", "unknown parameter 'intra_op_threads'"),
        ("cuda_parameter", "unknown parameter 'use_tf31' of the execution accelerator 'cuda'"),
        ("cuda_top_level", "'gpu_mem_limit' has no effect in the execution accelerator 'cuda'"),
        ("no_graph", "ONNX Runtime 1.19.2 cannot load"),
        ("no_file", "unable to find"),
        ("optional_input", "input 'B' is optional, and the graph requires it"),
        ("required_initializer", "input 'B' overrides an initializer and is not optional"),
        ("no_operators", "the operator library '/nowhere/libops.so' does not load"),
        ("other_digits", "'intra_op_thread_count' is '٣'; allowed is a whole number"),
        ("beyond_an_int", f"'inter_op_thread_count' is '{2**31}'; allowed is a whole number"),
        ("later_parameter", "unknown parameter 'session.use_device_allocator_for_initializers'"),
        ("in_sequences", "does not support 'sequence_batching'"),
    ],
)
def test_a_model_that_does_not_fit_its_graph_is_not_ready(
    refusals: str, model: str, reason: str
) -> None:
    (line,) = (line for line in refusals.splitlines() if line.startswith(f"  {model} version 1: "))
    assert f"model '{model}'" in line
    assert reason in line


def test_a_gpu_instance_without_a_gpu_is_not_ready(refusals: str) -> None:
    """The server says so itself, before any backend is asked."""
    (line,) = (line for line in refusals.splitlines() if line.startswith("  on_gpu version 1: "))
    assert "has kind KIND_GPU but no GPUs are available" in line


def test_an_unbatched_model_answers(infer: Infer) -> None:
    a, b = np.float32([1, 2, 3]), np.float32([10, 20, 30])
    result = infer("plain", A=a, B=b)
    np.testing.assert_array_equal(result.as_numpy("SUM"), a + b)
    np.testing.assert_array_equal(result.as_numpy("DIFF"), a - b)


def test_an_initializer_is_overridden_where_a_request_says_so(infer: Infer) -> None:
    a, b = np.float32([[1, 2]]), np.float32([[10, 20]])
    np.testing.assert_array_equal(infer("overridable", A=a).as_numpy("SUM"), a + 1)
    np.testing.assert_array_equal(infer("overridable", A=a, B=b).as_numpy("SUM"), a + b)


def test_only_requested_outputs_are_returned(infer: Infer) -> None:
    result = infer("plain", A=np.float32([1]), B=np.float32([2]), outputs=["DIFF"])
    assert result.as_numpy("SUM") is None
    np.testing.assert_array_equal(result.as_numpy("DIFF"), [-1])


@pytest.mark.parametrize(
    ("model", "dtype"), [("typed_int64", np.int64), ("typed_fp16", np.float16)]
)
def test_data_types_pass_unchanged(infer: Infer, model: str, dtype: type) -> None:
    result = infer(model, A=np.array([1, 2], dtype), B=np.array([3, 4], dtype))
    assert result.as_numpy("SUM").dtype == dtype
    np.testing.assert_array_equal(result.as_numpy("SUM"), [4, 6])


def test_merged_requests_get_their_own_rows_back(infer: Infer, server: TritonServer) -> None:
    before = scrape_metrics(server.addresses.metrics_url)
    ones = np.ones((1, 4), np.float32)

    def ask(number: int) -> np.ndarray:
        rows = 1 + number % 2
        a = np.full((rows, 4), number, np.float32)
        outputs = ["SUM"] if number % 3 else ["DIFF", "SUM"]
        return infer("batched", A=a, B=ones.repeat(rows, 0), outputs=outputs).as_numpy("SUM")

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(24)))
    for number, answer in enumerate(answers):
        np.testing.assert_array_equal(answer, np.full((1 + number % 2, 4), number + 1))
    counted = subtract_metrics(scrape_metrics(server.addresses.metrics_url), before)["batched", "1"]
    assert counted.inferences == 36
    assert counted.executions < counted.success == 24


def test_a_failing_request_is_answered_with_an_error_and_harms_no_other(infer: Infer) -> None:
    with pytest.raises(InferenceServerException, match="ONNXRuntimeError"):
        infer("plain", A=np.float32([1, 2, 3]), B=np.float32([1, 2]))
    result = infer("plain", A=np.float32([1]), B=np.float32([2]))
    np.testing.assert_array_equal(result.as_numpy("SUM"), [3])


def test_serving_leaves_the_repository_as_it_was(infer: Infer, repository: Path) -> None:
    infer("plain", A=np.float32([1]), B=np.float32([2]))
    assert list(repository.rglob("__pycache__")) == []
