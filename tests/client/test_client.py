import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pintower.client import AsyncClient, Client, Scores
from pintower.client.messages import SCORES, read_outputs
from pintower.errors import InputError, PintowerError, RepositoryError, SetupError
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ServerEnvironment
from pintower.serving.server import TritonServer
from tests.serving.tiny_repository import write_relevance


def test_no_server_is_said_clearly() -> None:
    with (
        Client("127.0.0.1:9", timeout=2) as client,
        pytest.raises(SetupError, match="No Triton server answers gRPC at 127.0.0.1:9; start one"),
    ):
        client.rank("red shoes", ["1"])


def test_no_pins_need_no_server() -> None:
    with Client("127.0.0.1:9") as client:
        scores = client.rank("red shoes", [])
    assert scores.probabilities.shape == (0, 5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("red shoes", "1774476456"), "pin_ids takes a list of ids"),
        (("red shoes", ["1"], "abc"), "features takes numbers"),
        (("red shoes", ["1"], {"topic": [1.0]}), "features takes numbers"),
        (("red shoes", [1]), "PIN_IDS takes text"),
    ],
)
def test_what_is_no_request_is_refused_before_it_is_sent(
    arguments: tuple[object, ...], said: str
) -> None:
    with Client("127.0.0.1:9") as client, pytest.raises(InputError, match=said):
        client.rank(*arguments)  # type: ignore[arg-type]


@pytest.mark.triton
def test_pins_are_scored_in_the_given_order(server: TritonServer) -> None:
    with Client(server.addresses.grpc_url) as client:
        scores = client.rank("zapatos rojos 👟", ["a", "unknown", "ccc"])
    assert scores.probabilities.shape == (3, 5)
    np.testing.assert_array_equal(scores.score, np.float32([16, 22, 18]))
    np.testing.assert_array_equal(scores.valid, [True, False, True])


@pytest.mark.triton
def test_a_model_that_is_not_served_is_a_repository_error(server: TritonServer) -> None:
    with (
        Client(server.addresses.grpc_url) as client,
        pytest.raises(RepositoryError, match="does not serve 'query_embedding'"),
    ):
        client.embed("red shoes")


@pytest.mark.triton
def test_an_error_of_the_model_comes_with_its_reason(server: TritonServer) -> None:
    with (
        Client(server.addresses.grpc_url) as client,
        pytest.raises(PintowerError, match="told to fail"),
    ):
        client.rank("fail", ["1"])


@pytest.mark.triton
def test_many_queries_come_back_in_their_order(server: TritonServer) -> None:
    requests = [("x" * number, ["a" * number]) for number in range(1, 30)] + [("none", [])]
    with Client(server.addresses.grpc_url) as client:
        alone = [client.rank(*request) for request in requests]
        together = client.rank_many(requests, concurrency=4)
    assert [scores.score.tolist() for scores in together] == [
        scores.score.tolist() for scores in alone
    ]
    assert len(together[-1].score) == 0


@pytest.mark.triton
def test_a_server_is_ready_when_it_serves_a_release(
    environment: ServerEnvironment, repository: Path, server: TritonServer
) -> None:
    async def ready(url: str) -> bool:
        async with AsyncClient(url, timeout=2) as client:
            return await client.ready()

    addresses = free_addresses()
    with TritonServer(environment, repository, addresses=addresses, models=["plain"]):
        for url, wanted in (
            (server.addresses.grpc_url, True),
            (addresses.grpc_url, False),
            ("127.0.0.1:9", False),
        ):
            with Client(url, timeout=2) as client:
                assert client.ready() is wanted
            assert asyncio.run(ready(url)) is wanted


@pytest.mark.triton
def test_asynchronous_client_gives_the_same(server: TritonServer) -> None:
    requests = [("x" * number, ["a" * number, "unknown"]) for number in range(1, 30)]

    async def ask() -> tuple[Scores, list[Scores]]:
        async with AsyncClient(server.addresses.grpc_url) as client:
            assert (await client.rank("x", [])).probabilities.shape == (0, 5)
            return await client.rank(*requests[0]), await client.rank_many(requests, concurrency=4)

    first, many = asyncio.run(ask())
    with Client(server.addresses.grpc_url) as client:
        wanted = client.rank_many(requests)
    assert first.score.tolist() == wanted[0].score.tolist()
    for scores, other in zip(many, wanted, strict=True):
        np.testing.assert_array_equal(scores.probabilities, other.probabilities)
        np.testing.assert_array_equal(scores.valid, other.valid)


@pytest.mark.triton
def test_asynchronous_client_says_what_is_wrong(server: TritonServer) -> None:
    async def ask(url: str, query: str) -> None:
        async with AsyncClient(url, timeout=2, retries=0) as client:
            await client.rank(query, ["1"])

    with pytest.raises(PintowerError, match="told to fail"):
        asyncio.run(ask(server.addresses.grpc_url, "fail"))
    with pytest.raises(SetupError, match="No Triton server answers gRPC at 127.0.0.1:9"):
        asyncio.run(ask("127.0.0.1:9", "red"))


@pytest.mark.triton
def test_a_request_that_found_no_server_is_sent_again(
    environment: ServerEnvironment, tmp_path: Path
) -> None:
    addresses = free_addresses()
    write_relevance(tmp_path)
    with Client(addresses.grpc_url, retries=12) as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.rank, "red shoes", ["a"])
        with TritonServer(environment, tmp_path, addresses=addresses):
            assert waiting.result(timeout=60).valid.tolist() == [True]


def test_ids_that_are_no_text_are_refused() -> None:
    with (
        Client("127.0.0.1:9") as client,
        pytest.raises(InputError, match=r"PIN_IDS takes text; given was 5 \(int\)"),
    ):
        client.rank("red shoes", ["1", 5])  # type: ignore[list-item]


def test_an_answer_without_outputs_is_an_error_and_no_success() -> None:
    class Empty:
        def as_numpy(self, name: str) -> None:
            """As of an answer that lacks the output."""

    with pytest.raises(PintowerError, match="without PROBABILITIES, SCORE, VALID: the server has"):
        read_outputs(Empty(), "relevance", SCORES)
