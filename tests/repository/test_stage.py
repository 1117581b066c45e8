"""The stage: what it refuses to build, and the built repository in the genuine server."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pintower.client import Client
from pintower.config import RepositoryConfig
from pintower.contracts import Contract
from pintower.errors import GateFailed, RepositoryError, SetupError
from pintower.gates import read_gates, require_gate_names
from pintower.repository import run, stage
from pintower.repository.check import check
from pintower.repository.release_file import Release
from pintower.repository.wire import Wire, texts
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ServerEnvironment, ensure_environment
from pintower.serving.metrics import scrape_metrics, subtract_metrics
from pintower.serving.server import TritonServer
from pintower.targets import load_target
from tests.repository.conftest import flip_last_byte

UNSERVED = RepositoryConfig(pairs=20, candidates=10, golden_queries=3, served_gates=False)


def test_a_snapshot_of_another_space_is_refused_at_build(
    stage_folders: dict[str, Path], tmp_path: Path
) -> None:
    pins = shutil.copytree(stage_folders["pins"], tmp_path / "pins")
    (info,) = pins.glob("snapshots/*/snapshot.json")
    found = json.loads(info.read_text())
    info.write_text(json.dumps({**found, "space_id": "elsewhere"}))
    (tmp_path / "models").mkdir()
    both = rf"space_id elsewhere.*{found['space_id']}.*do not belong together"
    with pytest.raises(RepositoryError, match=both):
        run(UNSERVED, {**stage_folders, "pins": pins}, tmp_path / "models")
    assert not any((tmp_path / "models").iterdir())


def test_a_snapshot_of_other_text_rules_is_refused_at_build(
    stage_folders: dict[str, Path], tmp_path: Path
) -> None:
    pins = shutil.copytree(stage_folders["pins"], tmp_path / "pins")
    (stats,) = pins.glob("snapshots/*/match_stats/stats.json")
    values = json.loads(stats.read_text())
    stats.write_text(json.dumps({**values, "version": 1}))
    (tmp_path / "models").mkdir()
    with pytest.raises(RepositoryError, match=r"version 1, .*version 2.*build"):
        run(UNSERVED, {**stage_folders, "pins": pins}, tmp_path / "models")
    assert not any((tmp_path / "models").iterdir())


def test_a_flipped_byte_of_the_snapshot_is_refused_at_build(
    stage_folders: dict[str, Path], tmp_path: Path
) -> None:
    pins = shutil.copytree(stage_folders["pins"], tmp_path / "pins")
    (path,) = pins.glob("snapshots/*/embeddings.npy")
    flip_last_byte(path)
    (tmp_path / "models").mkdir()
    with pytest.raises(RepositoryError, match=r"embeddings\.npy is not the file"):
        run(UNSERVED, {**stage_folders, "pins": pins}, tmp_path / "models")
    assert not any((tmp_path / "models").iterdir())


def test_a_graph_other_than_the_gated_one_is_refused(
    stage_folders: dict[str, Path], tmp_path: Path
) -> None:
    export = shutil.copytree(stage_folders["export"], tmp_path / "export")
    with (export / "scorer.onnx").open("ab") as file:
        file.write(b"\0")
    (tmp_path / "models").mkdir()
    with pytest.raises(RepositoryError, match="is not the file that passed the gates"):
        run(UNSERVED, {**stage_folders, "export": export}, tmp_path / "models")


def test_the_same_inputs_give_the_same_bytes(
    built: Path, stage_folders: dict[str, Path], tmp_path: Path
) -> None:
    run(UNSERVED, stage_folders, tmp_path)
    assert (tmp_path / "release.json").read_bytes() == (built / "release.json").read_bytes()


@pytest.fixture
def for_gpu(stage_folders: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """The stages' folders with the export's contract for a GPU target, same graphs."""
    export = shutil.copytree(stage_folders["export"], tmp_path / "export")
    contract = Contract.load(export / "contract.json")
    contract.model_copy(update={"target": load_target("gpu-fp32")}).save(export / "contract.json")
    return {**stage_folders, "export": export}


def test_a_gpu_target_is_not_served_where_there_is_no_gpu(
    for_gpu: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "cuda_devices", lambda: 0)
    (tmp_path / "models").mkdir()
    with pytest.raises(SetupError, match=r"gpu-fp32 is served on a GPU.*served_gates to false"):
        run(RepositoryConfig(pairs=20), for_gpu, tmp_path / "models")
    assert not any((tmp_path / "models").iterdir())


def test_a_gpu_target_is_built_anywhere(for_gpu: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    run(UNSERVED, for_gpu, tmp_path / "models")
    assert check(tmp_path / "models") == []
    text = (tmp_path / "models" / "query_encoder" / "config.pbtxt").read_text("utf-8")
    assert "kind: KIND_GPU" in text and "response_cache" not in text


@pytest.mark.triton
def test_a_gpu_targets_cache_answers_around_the_encoder(
    for_gpu: dict[str, Path], tmp_path: Path
) -> None:
    """Its repository as it is but for the kind of one instance, which a GPU alone could run."""
    repository = tmp_path / "models"
    repository.mkdir()
    run(UNSERVED, for_gpu, repository)
    config = repository / "query_encoder" / "config.pbtxt"
    config.write_text(config.read_text("utf-8").replace("KIND_GPU", "KIND_CPU"), "utf-8")
    addresses = free_addresses()
    with (
        TritonServer(ensure_environment(), repository, addresses=addresses, cache_bytes=1 << 22),
        Client(addresses.grpc_url) as client,
    ):
        before = scrape_metrics(addresses.metrics_url)
        for golden in 2 * Release.load(repository / "release.json").golden:
            scores = client.rank(golden.query, golden.pin_ids).score
            np.testing.assert_allclose(scores, golden.scores, atol=1e-5)
        found = subtract_metrics(scrape_metrics(addresses.metrics_url), before)
    around, inside = (found[name, "1"] for name in ("cached_query_encoder", "query_encoder"))
    assert around.cache_hits == inside.success == 3
    assert inside.cache_hits == 0


@pytest.fixture(scope="module")
def environment() -> ServerEnvironment:
    return ensure_environment()


@pytest.fixture(scope="module")
def gated(
    stage_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, float]]:
    """A repository with its served gates measured, and the stage's figures."""
    folder = tmp_path_factory.mktemp("gated") / "models"
    folder.mkdir()
    config = RepositoryConfig(pairs=60, candidates=10, golden_queries=3)
    return folder, run(config, stage_folders, folder)


@pytest.fixture(scope="module")
def wire(gated: tuple[Path, dict[str, float]], environment: ServerEnvironment) -> Iterator[Wire]:
    addresses = free_addresses()
    with TritonServer(environment, gated[0], addresses=addresses), Wire(addresses.grpc_url) as wire:
        yield wire


@pytest.mark.triton
def test_every_gate_has_a_name_that_can_be_allowed(
    gated: tuple[Path, dict[str, float]], stage_folders: dict[str, Path]
) -> None:
    for path in (gated[0] / "gates.json", stage_folders["export"] / "gates.json"):
        require_gate_names(item.name for item in read_gates(path))


@pytest.mark.triton
def test_served_gates_are_measured_and_leave_the_repository_whole(
    gated: tuple[Path, dict[str, float]],
) -> None:
    folder, info = gated
    assert check(folder) == []
    assert not list(folder.rglob("__pycache__"))
    gates = {gate.name: gate for gate in read_gates(folder / "gates.json")}
    assert all(gate.passed for gate in gates.values())
    assert gates["served_equals_offline"].detail["pairs"] == 60
    assert 0 <= info["served_equals_offline"] <= 1e-4
    assert info["gates"] > 10
    measured = json.loads((folder / "gates.json").read_text())["environment"]
    assert measured["onnxruntime_served"] == measured["onnxruntime_target"] == "1.19.2"
    assert gates["runtimes_agree"].allowed == 1e-4  # fp32: every runtime gives the same


@pytest.mark.triton
def test_a_release_for_a_later_triton_is_served_in_its_onnxruntime_and_says_so(
    stage_folders: dict[str, Path], tmp_path: Path
) -> None:
    """Its own server is on no package index; what stands in for it is told."""
    export = shutil.copytree(stage_folders["export"], tmp_path / "export")
    contract = Contract.load(export / "contract.json")
    target = load_target(contract.target.name, "26.11")
    contract.model_copy(update={"target": target}).save(export / "contract.json")
    folder = tmp_path / "models"
    folder.mkdir()
    config = RepositoryConfig(pairs=20, candidates=10, golden_queries=3)
    run(config, {**stage_folders, "export": export}, folder)
    measured = json.loads((folder / "gates.json").read_text())["environment"]
    assert measured["triton_release"] == "26.11"
    assert measured["triton_release_served"] == "24.10"
    assert measured["onnxruntime_served"] == measured["onnxruntime_target"] == "1.27.0"
    assert "Triton server 24.10 with ONNX Runtime 1.27.0 in" in measured["backend"]
    assert Release.load(folder / "release.json").triton_release == "26.11"


@pytest.mark.triton
def test_golden_queries_are_answered_as_the_release_says(
    gated: tuple[Path, dict[str, float]], wire: Wire
) -> None:
    release = Release.load(gated[0] / "release.json")
    assert len(release.golden) == 3
    for golden in release.golden:
        pin_ids = texts(*(pin_id.encode() for pin_id in golden.pin_ids))
        query = texts(golden.query.encode(), shape=(1, 1))
        answer = wire.infer("relevance", {"QUERY": query, "PIN_IDS": pin_ids})
        np.testing.assert_allclose(answer["SCORE"], golden.scores, atol=1e-4)


@pytest.mark.triton
@pytest.mark.parametrize("query", [b"", b"\xff\xfe\x00", b"x" * 10_000_000])
@pytest.mark.parametrize("pin_ids", [(), (b"nothing", b"\xff"), (b"pin-001", b"", b"pin-001")])
def test_odd_requests_are_answered_every_time(
    wire: Wire, query: bytes, pin_ids: tuple[bytes, ...]
) -> None:
    known = [pin_id == b"pin-001" for pin_id in pin_ids]
    for _ in range(2):  # the second from the cache
        answer = wire.infer(
            "relevance", {"QUERY": texts(query, shape=(1, 1)), "PIN_IDS": texts(*pin_ids)}
        )
        assert answer["PROBABILITIES"].shape == (len(pin_ids), 5)
        assert answer["VALID"].tolist() == known
        assert (answer["SCORE"] > 0).tolist() == known


@pytest.mark.triton
def test_several_queries_are_embedded_in_one_request(wire: Wire) -> None:
    queries = (b"red shoes", b"a much longer query about garden benches", b"")
    together = wire.infer("query_embedding", {"QUERY": texts(*queries, shape=(3, 1))})["EMBEDDING"]
    for row, query in enumerate(queries):
        alone = wire.infer("query_embedding", {"QUERY": texts(query, shape=(1, 1))})["EMBEDDING"]
        np.testing.assert_allclose(together[row], alone[0], atol=1e-5)


@pytest.mark.triton
@pytest.mark.parametrize(
    ("model", "old", "new"),
    [
        ("query_encoder", 'name: "INPUT_IDS"', 'name: "IDS"'),
        ("query_encoder", "TYPE_INT64", "TYPE_INT32"),
        ("query_encoder", "dims: 16", "dims: 17"),
        ("scorer", 'name: "VALID"', 'name: "OKAY"'),
        ("scorer", "TYPE_BOOL", "TYPE_FP32"),
        ("pin_features", 'string_value: "', 'string_value: "other'),
    ],
)
def test_the_server_refuses_a_config_that_does_not_fit(
    repository: Path, environment: ServerEnvironment, model: str, old: str, new: str
) -> None:
    config = repository / model / "config.pbtxt"
    text = config.read_text("utf-8")
    assert old in text
    config.write_text(text.replace(old, new, 1), "utf-8")
    server = TritonServer(
        environment, repository, models=[model], addresses=free_addresses(), timeout=30
    )
    with pytest.raises(RepositoryError, match=model), server:
        pass


@pytest.mark.triton
def test_a_failed_gate_stops_the_release_and_keeps_what_was_measured(
    stage_folders: dict[str, Path], tmp_path: Path
) -> None:
    export = shutil.copytree(stage_folders["export"], tmp_path / "export")
    contract = json.loads((export / "contract.json").read_text())
    contract["target"]["limits"]["served_max_abs"] = -1.0
    (export / "contract.json").write_text(json.dumps(contract))
    folder = tmp_path / "models"
    folder.mkdir()
    config = RepositoryConfig(pairs=10, candidates=10, golden_queries=1)
    with pytest.raises(GateFailed, match=r"served_equals_offline: measured .*, allowed <= -1"):
        run(config, {**stage_folders, "export": export}, folder)
    assert any(not gate.passed for gate in read_gates(folder / "gates.json"))
