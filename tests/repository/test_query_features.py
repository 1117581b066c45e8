"""A student whose query encoder takes feature vectors: trained, exported, served, cached."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from pintower.client import Client
from pintower.config import ExportConfig, PinsConfig, RepositoryConfig
from pintower.contracts import Contract
from pintower.errors import DatasetError, PintowerError, StudentError
from pintower.gates import failed, read_gates
from pintower.models.cutting import cut_student
from pintower.models.encoders import build_encoder, save_encoder
from pintower.models.freezing import ensure_calibration
from pintower.models.query_vectors import QueryVectors
from pintower.models.student import load_student
from pintower.repository import run
from pintower.repository.check import check
from pintower.repository.release_file import Release
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ensure_environment
from pintower.serving.metrics import scrape_metrics
from pintower.serving.server import TritonServer
from tests.conftest import write_tiny_student
from tests.repository.conftest import QUERIES
from tests.training.conftest import judge, write_data

COLUMNS = [{"name": "topic", "width": 3}]
VECTORS = pl.DataFrame(
    {"query": ["Red  shoes", "garden"], "topic": [[0.5, -1.0, 2.0], [1.0, 0.0, -3.0]]},
    schema_overrides={"topic": pl.List(pl.Float32)},
)


def with_features(backbone: Path, pins: pl.DataFrame, folder: Path) -> Path:
    """A tiny student whose query encoder takes a topic of width 3, which counts."""
    write_tiny_student(backbone, pins, folder, seed=0)
    torch.manual_seed(1)
    encoder = build_encoder(str(backbone), width=16, layers=None, columns=COLUMNS)
    torch.nn.init.normal_(encoder[2].features.weight)
    save_encoder(encoder, folder / "query_encoder")
    shutil.rmtree(folder / "calibration")  # it has no topics
    return folder


@pytest.fixture(scope="module")
def folders(
    tiny_backbone: Path, tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    from pintower.export import run as export
    from pintower.pins import run as embed

    root = tmp_path_factory.mktemp("query-features")
    folders = {name: root / name for name in ("student", "export", "pins", "data")}
    for folder in folders.values():
        folder.mkdir()
    with_features(tiny_backbone, tiny_pins, folders["student"])
    log = pl.DataFrame({"query": QUERIES * 3, "timestamp": list(range(3 * len(QUERIES)))})
    write_data(
        folders["data"], tiny_pins, query_log=log, judgments=judge(tiny_pins), queries=VECTORS
    )
    ensure_calibration(folders["student"], folders["data"])
    config = ExportConfig(target="cpu-int8-static", parity_texts=10, target_runtime=False,
                          allow=("query_encoder.min_cosine",))  # fmt: skip
    export(config, folders, folders["export"])
    embed(PinsConfig(threads=1), folders, folders["pins"])
    return folders


@pytest.fixture(scope="module")
def repository(folders: dict[str, Path]) -> Path:
    place = folders["export"].parent / "models"
    place.mkdir()
    run(RepositoryConfig(pairs=40, candidates=10, golden_queries=7), folders, place)
    return place


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[TritonServer]:
    server = TritonServer(
        ensure_environment(), repository, addresses=free_addresses(), cache_bytes=1 << 22
    )
    with server:
        yield server


@pytest.fixture(scope="module")
def client(server: TritonServer) -> Iterator[Client]:
    with Client(server.addresses.grpc_url) as client:
        yield client


def test_vectors_are_found_by_the_querys_normal_form(folders: dict[str, Path]) -> None:
    vectors = load_student(folders["student"]).query_vectors(folders["data"])
    assert vectors is not None
    found = vectors.matrix(["red shoes", "RED SHOES", "unheard of"])
    assert found.tolist() == [[0.5, -1.0, 2.0], [0.5, -1.0, 2.0], [0.0, 0.0, 0.0]]


def test_a_dataset_without_the_encoders_column_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(DatasetError, match=r"queries have no column 'mood'.*query encoder"):
        QueryVectors.load(folders["data"], [{"name": "mood", "width": 3}])
    with pytest.raises(DatasetError, match=r"of the queries has vectors of width 3"):
        QueryVectors.load(folders["data"], [{"name": "topic", "width": 4}])


def test_a_cut_says_that_it_learns_from_texts_alone(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(StudentError, match="takes feature vectors"):
        cut_student(
            folders["student"],
            folders["data"],
            tmp_path / "cut",
            layers=1,
            steps=1,
            seed=0,
            bf16=False,
        )


@pytest.mark.triton
def test_every_gate_passes_with_the_vectors_in(folders: dict[str, Path], repository: Path) -> None:
    for place in (folders["export"], repository):
        assert failed(read_gates(place / "gates.json")) == []
    assert check(repository) == []
    contract = Contract.load(repository / "contract.json")
    assert contract.symbols["Q"] == 3
    golden = {
        item.query: item.features for item in Release.load(repository / "release.json").golden
    }
    assert golden["red shoes"] == (0.5, -1.0, 2.0) and golden["Blue SOFA"] == (0.0, 0.0, 0.0)


@pytest.mark.triton
def test_golden_queries_are_served_with_their_vectors(repository: Path, client: Client) -> None:
    for item in Release.load(repository / "release.json").golden:
        scores = client.rank(item.query, item.pin_ids, item.features).score
        np.testing.assert_allclose(scores, item.scores, atol=1e-4)


@pytest.mark.triton
def test_the_cache_tells_vectors_apart(server: TritonServer, client: Client) -> None:
    def hits() -> int:
        return scrape_metrics(server.addresses.metrics_url)["query_encoder", "1"].cache_hits

    one, other = [3.0, 1.0, 0.0], [0.0, 1.0, 3.0]
    first, before = client.embed("a sofa", one), hits()
    assert np.abs(client.embed("a sofa", other) - first).max() > 1e-3 and hits() == before
    np.testing.assert_array_equal(client.embed("a sofa", one), first)
    assert hits() == before + 1


@pytest.mark.triton
def test_vectors_that_are_missing_wide_or_not_finite_harm_nobody(
    repository: Path, client: Client
) -> None:
    golden = Release.load(repository / "release.json").golden[0]
    for features in (None, [1.0, 2.0], [1.0] * 4):
        for _ in range(2):
            with pytest.raises(PintowerError, match="relevance"):
                client.rank(golden.query, golden.pin_ids, features)
    for value in (np.nan, np.inf):
        for _ in range(2):
            scores = client.rank(golden.query, golden.pin_ids, [value, 0.0, 0.0])
            assert not scores.valid.any() and not scores.score.any()
    again = client.rank(golden.query, golden.pin_ids, golden.features).score
    np.testing.assert_allclose(again, golden.scores, atol=1e-4)
