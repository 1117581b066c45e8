"""A cache that outlives a release answers no query of the next one."""

import json
import shutil
import urllib.request
from pathlib import Path

import numpy as np
import onnx
import pytest

from pintower.artifacts import hash_file
from pintower.client import Client
from pintower.config import RepositoryConfig
from pintower.contracts import Contract
from pintower.repository import run
from pintower.serving.addresses import Addresses, free_addresses
from pintower.serving.environment import ensure_environment
from pintower.serving.metrics import scrape_metrics
from pintower.serving.server import TritonServer

pytestmark = pytest.mark.triton


def with_another_encoder(folders: dict[str, Path], place: Path) -> Path:
    """A repository whose query encoder turns every embedding round, and has its own artifact id."""
    export = shutil.copytree(folders["export"], place / "export")
    contract = Contract.load(export / "contract.json")
    built = contract.graphs["query_encoder"]
    model = onnx.load(export / built.file)
    for node in model.graph.node:
        node.output[:] = ["straight" if name == "EMBEDDING" else name for name in node.output]
    model.graph.node.append(onnx.helper.make_node("Neg", ["straight"], ["EMBEDDING"]))
    onnx.save(model, export / built.file)
    update = {"sha256": hash_file(export / built.file), "artifact_id": "f" * 64}
    graphs = {**contract.graphs, "query_encoder": built.model_copy(update=update)}
    contract.model_copy(update={"graphs": graphs}).save(export / "contract.json")
    (place / "models").mkdir()
    config = RepositoryConfig(pairs=20, candidates=10, golden_queries=3, served_gates=False)
    run(config, {**folders, "export": export}, place / "models")
    return place / "models"


def load_again(addresses: Addresses, model: str) -> None:
    url = f"http://{addresses.http_url}/v2/repository/models/{model}/load"
    with urllib.request.urlopen(urllib.request.Request(url, b"{}", method="POST")) as answer:
        assert answer.status == 200


def test_another_encoder_under_the_same_version_is_not_answered_for(
    repository: Path, stage_folders: dict[str, Path], tmp_path: Path
) -> None:
    """As a shared Redis would see it: same model, same version, same query, other weights."""
    other = with_another_encoder(stage_folders, tmp_path / "other")
    addresses = free_addresses()
    with (
        TritonServer(ensure_environment(), repository, addresses=addresses, cache_bytes=1 << 22),
        Client(addresses.grpc_url) as client,
    ):
        first, again = client.embed("red shoes"), client.embed("red shoes")
        for model in ("query_encoder", "tokenizer"):
            shutil.rmtree(repository / model / "1")
            shutil.copytree(other / model / "1", repository / model / "1")
            load_again(addresses, model)
        turned = client.embed("red shoes")
        hits = scrape_metrics(addresses.metrics_url)["query_encoder", "1"].cache_hits
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(turned, -first, atol=1e-6)
    assert hits <= 1
    told = json.loads((other / "tokenizer" / "1" / "query_encoder.json").read_text())
    assert told == {"artifact_id": "f" * 64}
