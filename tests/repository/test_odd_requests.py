"""Whatever a client sends is answered rightly or refused, and harms nobody after.

``PINTOWER_ODD_REQUESTS=20000 pytest tests/repository/test_odd_requests.py`` sends that many.
"""

import json
import os
import struct
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2, service_pb2_grpc

from pintower.artifacts import read_json
from pintower.client import Client
from pintower.models.probes import PROBES
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ensure_environment
from pintower.serving.server import TritonServer

pytestmark = pytest.mark.triton

COUNT = int(os.environ.get("PINTOWER_ODD_REQUESTS", "400"))
SEED = 20_261_124
TIMEOUT = 20.0
ENSEMBLES = ("relevance", "relevance_from_embeddings", "query_embedding")
TYPES = ["BYTES", "FP32", "INT64", "BOOL", "FP16", "UINT8", "NONSENSE", ""]
OUTPUTS = {"relevance": 3, "relevance_from_embeddings": 3, "query_embedding": 1, "query_encoder": 1}
WIDTH = 17
"""Token ids a row, of the tiny student."""


@dataclass(frozen=True)
class Server:
    """A running server, what it was built with, and ways to ask it."""

    grpc_url: str
    http_url: str
    golden: Sequence[dict[str, Any]]

    def ask(self, request: service_pb2.ModelInferRequest) -> Any:
        """Return the answer, or the status of a refusal."""
        with grpc.insecure_channel(self.grpc_url) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            try:
                return stub.ModelInfer(request, timeout=TIMEOUT)
            except grpc.RpcError as error:
                return error.code()

    def post(self, model: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Return the status and the JSON of an answer over HTTP.

        A body without JSON is a raw one, all of it the one input; so is the answer's end.
        """
        url = f"http://{self.http_url}/v2/models/{model}/infer"
        request = urllib.request.Request(url, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                length = answer.headers.get("Inference-Header-Content-Length")
                body = answer.read()
                return answer.status, body if length is None else body[: int(length)]
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def golden_scores_hold(self) -> None:
        """Fail where a golden query scores otherwise than the release says."""
        with Client(self.grpc_url, timeout=TIMEOUT) as client:
            for item in self.golden:
                scores = client.rank(item["query"], item["pin_ids"]).score
                np.testing.assert_allclose(scores, item["scores"], rtol=0, atol=1e-4)


@pytest.fixture(scope="module")
def server(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    addresses = free_addresses()
    with TritonServer(ensure_environment(), built, addresses=addresses, cache_bytes=1 << 22):
        golden = read_json(built / "release.json")["golden"]
        yield Server(addresses.grpc_url, addresses.http_url, golden)


def packed(items: Sequence[bytes]) -> bytes:
    """Texts as Triton takes them: each behind its length in four bytes."""
    return b"".join(struct.pack("<I", len(item)) + item for item in items)


odd_texts = (
    st.binary(max_size=60)
    | st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.sampled_from(list(PROBES.values()))
    | st.sampled_from([b"pin-000", b"pin-001", b"red shoes", b"", b"\xff\xfe", b"x" * 5_000])
)
small_shapes = st.lists(st.sampled_from([-1, 0, 1, 2, 3, 5, 16]), max_size=4)
"""Over HTTP no large ones: Triton 24.10 allocates what a JSON body claims before it checks it, and
ends where there is no such memory. No repository can help that."""
shapes = small_shapes | st.lists(st.sampled_from([1, 16, 2**33, 2**62]), max_size=4)
token_ids = st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 40)
floats = st.floats(width=32) | st.sampled_from([0.0, float("nan"), float("inf"), -float("inf")])


@st.composite
def valid_requests(draw: st.DrawFn) -> tuple[service_pb2.ModelInferRequest, int | None]:
    """A request as the contract has it, with odd values, and how many rows its answer has."""
    model = draw(st.sampled_from(sorted(OUTPUTS)))
    request = service_pb2.ModelInferRequest(model_name=model)
    if model == "query_encoder":
        rows = draw(st.integers(1, 4))
        ids = draw(st.lists(token_ids, min_size=rows * WIDTH, max_size=rows * WIDTH))
        request.inputs.add(name="INPUT_IDS", datatype="INT64", shape=[rows, WIDTH])
        request.raw_input_contents.append(np.array(ids, np.int64).tobytes())
        return request, rows
    query = draw(odd_texts)
    request.inputs.add(name="QUERY", datatype="BYTES", shape=[1, 1])
    request.raw_input_contents.append(packed([query]))
    if model == "query_embedding":
        return request, None
    if model == "relevance":
        pins = draw(st.lists(odd_texts, max_size=8) | st.just([b"pin-000"] * 300))
        request.inputs.add(name="PIN_IDS", datatype="BYTES", shape=[len(pins)])
        request.raw_input_contents.append(packed(pins))
        return request, len(pins)
    rows = draw(st.integers(0, 5))
    for name, width in (("PIN_EMBEDDINGS", 16), ("MATCH_FEATURES", 11)):
        values = draw(st.lists(floats, min_size=rows * width, max_size=rows * width))
        request.inputs.add(name=name, datatype="FP32", shape=[rows, width])
        request.raw_input_contents.append(np.array(values, np.float32).tobytes())
    return request, rows


@st.composite
def broken_requests(draw: st.DrawFn) -> service_pb2.ModelInferRequest:
    """A request in which names, types, shapes or bytes may be anything."""
    model = draw(st.sampled_from([*sorted(OUTPUTS), "tokenizer", "pin_features", "scorer"]))
    request = service_pb2.ModelInferRequest(
        model_name=model, model_version=draw(st.sampled_from(["", "1", "2", "x"]))
    )
    names = ["QUERY", "PIN_IDS", "TEXT", "PIN_EMBEDDINGS", "MATCH_FEATURES", "QUERY_EMBEDDING"]
    names.append("INPUT_IDS")
    for name in draw(st.lists(st.sampled_from([*names, "", "NONE"]), max_size=4)):
        datatype = draw(st.sampled_from(TYPES))
        request.inputs.add(name=name, datatype=datatype, shape=draw(shapes))
        raw = draw(
            st.binary(max_size=64)
            | st.lists(odd_texts, max_size=3).map(packed)
            | st.just(struct.pack("<I", 2**31) + b"ab")
        )
        if draw(st.integers(0, 9)):  # else one tensor too few
            request.raw_input_contents.append(raw)
    if draw(st.booleans()):
        request.outputs.add(name=draw(st.sampled_from(["SCORE", "EMBEDDING", "NONE", ""])))
    return request


broken_bodies = (
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=10) | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=10,
    ).map(lambda value: json.dumps(value).encode())
    | st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(["QUERY", "PIN_IDS", "NONE"]),
                "datatype": st.sampled_from(TYPES),
                "shape": small_shapes,
                "data": st.lists(st.text(max_size=5) | st.integers() | st.none(), max_size=3),
            }
        ),
        max_size=3,
    ).map(lambda inputs: json.dumps({"inputs": inputs}).encode())
)

odd = settings(
    max_examples=max(1, COUNT // 3),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@seed(SEED)
@odd
@given(valid_requests())
def test_odd_values_are_answered_in_full(
    server: Server, given_: tuple[service_pb2.ModelInferRequest, int | None]
) -> None:
    request, rows = given_
    answer = server.ask(request)
    assert not isinstance(answer, grpc.StatusCode), answer
    assert len(answer.outputs) == OUTPUTS[request.model_name]
    for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True):
        assert output.shape[0] == (1 if rows is None else rows)
        if output.datatype == "FP32":
            assert np.isfinite(np.frombuffer(raw, np.float32)).all()


@seed(SEED)
@odd
@given(broken_requests())
def test_broken_requests_are_refused_or_answered_in_full_twice(
    server: Server, request_: service_pb2.ModelInferRequest
) -> None:
    for _ in range(2):  # the second time Triton might answer with a cached error
        answer = server.ask(request_)
        if isinstance(answer, grpc.StatusCode):
            assert answer not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        else:
            assert answer.outputs
            assert all(output.shape for output in answer.outputs)


@seed(SEED)
@odd
@given(
    st.sampled_from([*sorted(OUTPUTS), "tokenizer", "none", "..%2f"]),
    broken_bodies,
    st.sampled_from([{}, {"Inference-Header-Content-Length": "7"}, {"Content-Encoding": "gzip"}]),
)
def test_broken_bodies_over_http_are_refused_or_answered_in_full_twice(
    server: Server, model: str, body: bytes, headers: dict[str, str]
) -> None:
    for _ in range(2):
        status, answer = server.post(model, body, headers)
        assert status in (200, 400, 404, 415, 500), status
        if status == 200:
            assert json.loads(answer)["outputs"]
        else:
            assert answer


@pytest.mark.parametrize("shape", [[WIDTH, 1], [1, WIDTH, 1], [WIDTH], [1, WIDTH - 1], [0, WIDTH]])
def test_a_golden_querys_ids_in_another_shape_leave_no_answer_behind(
    built: Path, shape: list[int]
) -> None:
    """Triton's cache compares bytes alone: the wrong shape's answer would be the golden query's."""
    addresses = free_addresses()
    with TritonServer(ensure_environment(), built, addresses=addresses, cache_bytes=1 << 22):
        golden = read_json(built / "release.json")["golden"]
        server = Server(addresses.grpc_url, addresses.http_url, golden)
        for item in golden:
            asked = service_pb2.ModelInferRequest(model_name="tokenizer")
            asked.inputs.add(name="QUERY", datatype="BYTES", shape=[1, 1])
            asked.raw_input_contents.append(packed([item["query"].encode()]))
            ids = server.ask(asked).raw_output_contents[0]
            request = service_pb2.ModelInferRequest(model_name="query_encoder")
            request.inputs.add(name="INPUT_IDS", datatype="INT64", shape=shape)
            request.raw_input_contents.append(ids[: 8 * int(np.prod(shape))])
            for _ in range(2):
                assert isinstance(server.ask(request), grpc.StatusCode)
        server.golden_scores_hold()


def test_golden_queries_score_as_before(server: Server) -> None:
    """Runs last, on the server that all the odd requests went to."""
    server.golden_scores_hold()


@pytest.mark.parametrize("model", ["tokenizer", *ENSEMBLES])
def test_a_length_beyond_the_end_is_refused_each_time_and_the_server_lives(
    built: Path, model: str
) -> None:
    """A cached tokenizer would crash Triton 24.10 on the second; two entries hang it at once."""
    addresses = free_addresses()
    with TritonServer(ensure_environment(), built, addresses=addresses, cache_bytes=1 << 22):
        server = Server(
            addresses.grpc_url, addresses.http_url, read_json(built / "release.json")["golden"]
        )
        request = service_pb2.ModelInferRequest(model_name=model)
        request.inputs.add(name="QUERY", datatype="BYTES", shape=[1, 1])
        request.raw_input_contents.append(struct.pack("<I", 255) + b"ab")
        if model == "relevance":
            request.inputs.add(name="PIN_IDS", datatype="BYTES", shape=[1])
            request.raw_input_contents.append(packed([b"pin-000"]))
        elif model == "relevance_from_embeddings":
            for name, width in (("PIN_EMBEDDINGS", 16), ("MATCH_FEATURES", 11)):
                request.inputs.add(name=name, datatype="FP32", shape=[1, width])
                request.raw_input_contents.append(np.zeros(width, np.float32).tobytes())
        for _ in range(3):
            assert server.ask(request) == grpc.StatusCode.INVALID_ARGUMENT
        server.golden_scores_hold()
