"""The README's examples, run as they stand on a served release; only the ports are the test's."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.http as triton

from pintower.serving.addresses import Addresses, free_addresses
from pintower.serving.environment import ServerEnvironment
from pintower.serving.server import TritonServer

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def served(environment: ServerEnvironment, built: Path) -> Iterator[Addresses]:
    addresses = free_addresses()
    with TritonServer(environment, built, addresses=addresses):
        yield addresses


def example(language: str, words: str, addresses: Addresses) -> str:
    """Return the README's block of a language that holds some words."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    (found,) = [block for block in blocks if words in block]
    for port, url in (("8000", addresses.http_url), ("8001", addresses.grpc_url)):
        found = found.replace(f"localhost:{port}", url)
    return found


def test_curl(served: Addresses) -> None:
    command = example("sh", "v2/models/relevance/infer", served)
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    outputs = {output["name"]: output for output in json.loads(done.stdout)["outputs"]}
    shapes = {name: output["shape"] for name, output in outputs.items()}
    assert shapes == {"PROBABILITIES": [2, 5], "SCORE": [2], "VALID": [2]}
    assert outputs["VALID"]["data"] == [False, False]  # the pins are the demo's


def test_client(served: Addresses) -> None:
    source = example("python", "pintower.client", served).replace(
        "    client.rank(", "    scores = client.rank("
    )
    names: dict[str, np.ndarray] = {}
    exec(compile(source, "README.md", "exec"), names)
    assert names["scores"].tolist() == [0.0, 0.0]


def test_plain_tritonclient_over_http(served: Addresses) -> None:
    """What a client needs to know is in the README's table: names, types, shapes."""
    texts = {"QUERY": np.array([[b"red shoes"]], object), "PIN_IDS": np.array([b"pin-001"], object)}
    inputs = []
    for name, array in texts.items():
        tensor = triton.InferInput(name, array.shape, "BYTES")
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    client = triton.InferenceServerClient(served.http_url)
    result = client.infer("relevance", inputs)
    assert result.as_numpy("VALID").tolist() == [True]
    assert 1 <= result.as_numpy("SCORE")[0] <= 5
    client.close()
