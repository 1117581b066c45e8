import numpy as np
import pytest

from pintower.errors import PintowerError, RepositoryError, SetupError
from pintower.serving.client import RelevanceClient
from pintower.serving.server import TritonServer


def test_no_server_is_said_clearly() -> None:
    with (
        RelevanceClient("127.0.0.1:9", timeout=2) as client,
        pytest.raises(SetupError, match="No Triton server answers at 127.0.0.1:9; start one"),
    ):
        client.rank("red shoes", ["1"])


def test_no_pins_need_no_server() -> None:
    with RelevanceClient("127.0.0.1:9") as client:
        scores = client.rank("red shoes", [])
    assert scores.probabilities.shape == (0, 5)


@pytest.mark.triton
def test_pins_are_scored_in_the_given_order(server: TritonServer) -> None:
    with RelevanceClient(server.addresses.grpc_url) as client:
        scores = client.rank("zapatos rojos 👟", ["a", "unknown", "ccc"])
    assert scores.probabilities.shape == (3, 5)
    np.testing.assert_array_equal(scores.score, np.float32([16, 22, 18]))
    np.testing.assert_array_equal(scores.valid, [True, False, True])


@pytest.mark.triton
def test_a_model_that_is_not_served_is_a_repository_error(server: TritonServer) -> None:
    with (
        RelevanceClient(server.addresses.grpc_url) as client,
        pytest.raises(RepositoryError, match="does not serve 'query_embedding'"),
    ):
        client.embed("red shoes")


@pytest.mark.triton
def test_an_error_of_the_model_comes_with_its_reason(server: TritonServer) -> None:
    with (
        RelevanceClient(server.addresses.grpc_url) as client,
        pytest.raises(PintowerError, match="told to fail"),
    ):
        client.rank("fail", ["1"])
