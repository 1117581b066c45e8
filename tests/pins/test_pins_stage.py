import json
import logging
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.artifacts import hash_file, hash_files, read_json
from pintower.config import PinsConfig
from pintower.contracts import Contract
from pintower.data.candidates import CandidateIndex
from pintower.errors import DatasetError, RepositoryError, StudentError
from pintower.models.student import load_student, space_id
from pintower.pins import run, store
from pintower.snapshot import Snapshot

CONFIG = PinsConfig(batch_tokens=100, shard_size=10, threads=1)


def embed(inputs: dict[str, Path], folder: Path, config: PinsConfig = CONFIG) -> dict[str, object]:
    folder.mkdir(exist_ok=True)
    return run(config, inputs, folder)


def open_current(folder: Path) -> Snapshot:
    name = read_json(folder / "current.json")["snapshot"]
    return Snapshot.open(folder / "snapshots" / name)


@pytest.fixture(scope="session")
def embedded(stage_inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pins")
    embed(stage_inputs, folder)
    return folder


def test_snapshot_holds_torchs_embeddings_in_the_order_of_the_ids(
    stage_inputs: dict[str, Path], embedded: Path
) -> None:
    student = load_student(stage_inputs["student"])
    pins = pl.read_parquet(stage_inputs["data"] / "pins.parquet")
    snapshot = open_current(embedded)
    ids = sorted(pin_id.encode() for pin_id in pins["pin_id"])
    assert snapshot.ids.tolist() == ids
    rows, known = snapshot.look_up([pin_id.encode() for pin_id in pins["pin_id"]])
    assert known.all()
    np.testing.assert_allclose(snapshot.embeddings[rows], student.embed_pins(pins), atol=1e-5)
    _, matches = snapshot.features("red shoes number 0", [b"pin-000", b"zz-empty"])
    assert matches[0].any()
    np.testing.assert_array_equal(matches[1, :-1], 0)


@pytest.mark.parametrize("unknown", [b"", b"pin-0000", b"\xff", b"p" * 1_000_000])
def test_snapshot_answers_unknown_ids_with_nan(embedded: Path, unknown: bytes) -> None:
    embeddings, matches = open_current(embedded).features("red shoes", [unknown, b"pin-001"])
    assert np.isnan(embeddings[0]).all()
    assert np.isnan(matches[0]).all()
    assert np.isfinite(embeddings[1]).all()


def test_manifest_names_every_file_and_current_the_snapshot(
    stage_inputs: dict[str, Path], embedded: Path
) -> None:
    current = read_json(embedded / "current.json")
    contract = Contract.load(stage_inputs["export"] / "contract.json")
    assert current == {
        "snapshot": current["snapshot"],
        "space_id": space_id(stage_inputs["student"]),
        "artifact_id": contract.graphs["pin_encoder"].artifact_id,
        "pins": 42,
    }
    folder = embedded / "snapshots" / current["snapshot"]
    assert len(current["snapshot"]) == 16
    assert read_json(folder / "manifest.json")["files"] == hash_files(folder)
    assert open_current(embedded).info["space_id"] == current["space_id"]
    names = {path.name for path in embedded.iterdir()}
    assert names == {"candidates", "current.json", "snapshots", "store", "titles.parquet"}


def test_run_killed_between_shards_ends_as_one_that_was_not(
    stage_inputs: dict[str, Path],
    embedded: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hash_inputs, calls = store.input_hashes, []

    def killed(*given: object) -> list[str]:
        calls.append(given)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return hash_inputs(*given)

    monkeypatch.setattr("pintower.pins.stage.input_hashes", killed)
    with pytest.raises(KeyboardInterrupt):
        embed(stage_inputs, tmp_path)
    assert not (tmp_path / "current.json").exists()
    (tmp_path / "store" / ".part-00003.parquet").write_bytes(b"half")
    monkeypatch.setattr("pintower.pins.stage.input_hashes", hash_inputs)
    caplog.set_level(logging.INFO)
    info = embed(stage_inputs, tmp_path)
    assert "resuming: 3 of 5 shards" in caplog.text
    assert info["embedded"] == 12
    for path in embedded.rglob("*.npy"):
        assert hash_file(tmp_path / path.relative_to(embedded)) == hash_file(path), path
    for name in ("current.json", "titles.parquet"):
        assert hash_file(tmp_path / name) == hash_file(embedded / name)
    assert {p.name for p in (tmp_path / "store").iterdir()} == {
        p.name for p in (embedded / "store").iterdir()
    }


def test_shard_that_is_broken_or_of_another_graph_is_made_again(
    stage_inputs: dict[str, Path], embedded: Path, tmp_path: Path
) -> None:
    shutil.copytree(embedded / "store", tmp_path / "store")
    first, second, *_ = store.shard_paths(tmp_path / "store")
    first.write_bytes(first.read_bytes()[:100])
    other = pl.read_parquet(second).with_columns(artifact_id=pl.lit("another"))
    other.write_parquet(second)
    assert embed(stage_inputs, tmp_path)["embedded"] == 20
    assert read_json(tmp_path / "current.json") == read_json(embedded / "current.json")


def test_store_tells_what_each_embedding_was_made_from(embedded: Path) -> None:
    shards = store.shard_paths(embedded / "store")
    table = pl.concat([pl.read_parquet(path) for path in shards])
    assert [len(pl.read_parquet(path)) for path in shards] == [10, 10, 10, 10, 2]
    assert table.schema["embedding"] == pl.List(pl.Float32)
    assert table["input_hash"].n_unique() == len(table)
    assert table["artifact_id"].n_unique() == 1


def test_input_hash_changes_with_text_and_with_vector() -> None:
    vectors = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 3.0]], dtype=np.float32)
    hashes = store.input_hashes(["a", "b", "a"], vectors)
    assert len(set(hashes)) == 3
    assert hashes[0] == store.input_hashes(["a"], vectors[:1])[0]
    assert hashes[0] != store.input_hashes(["a"], None)[0]


def test_pins_without_a_title_show_the_first_words_of_their_text(embedded: Path) -> None:
    titles = dict(pl.read_parquet(embedded / "titles.parquet").iter_rows())
    assert titles["pin-003"] == "garden bench number 3"
    assert titles["é-first"] == "one two three four five six one two"
    assert titles["zz-empty"] == ""
    assert len(titles) == 42


def test_candidates_are_found_by_their_words(embedded: Path) -> None:
    index = CandidateIndex.load(embedded / "candidates")
    assert index.search("lemon cake number 2", 3)[0] == "pin-002"


def test_embeddings_that_are_not_finite_are_kept_and_counted(
    stage_inputs: dict[str, Path], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(stage_inputs["data"], data)
    pins = pl.read_parquet(data / "pins.parquet")
    poisoned = pl.when(pl.col("pin_id") == "pin-001").then(pl.lit([float("nan")] * 4))
    vectors = poisoned.otherwise("graph_vector").cast(pl.List(pl.Float32))
    pins.with_columns(graph_vector=vectors).write_parquet(data / "pins.parquet")
    info = embed({**stage_inputs, "data": data}, tmp_path / "out")
    assert info["not_finite"] == 1
    embeddings, _ = open_current(tmp_path / "out").features("x", [b"pin-001", b"pin-002"])
    assert np.isnan(embeddings[0]).all()
    assert np.isfinite(embeddings[1]).all()


def test_graphs_of_another_student_are_refused(
    stage_inputs: dict[str, Path], tmp_path: Path
) -> None:
    student = tmp_path / "student"
    shutil.copytree(stage_inputs["student"], student)
    text = json.loads((student / "text.json").read_text())
    (student / "text.json").write_text(json.dumps({**text, "pin_prefix": "passage: "}))
    with pytest.raises(StudentError, match="space"):
        embed({**stage_inputs, "student": student}, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_changed_graph_is_refused(stage_inputs: dict[str, Path], tmp_path: Path) -> None:
    export = tmp_path / "export"
    shutil.copytree(stage_inputs["export"], export)
    with (export / "pin_encoder.onnx").open("ab") as file:
        file.write(b"\x00")
    with pytest.raises(RepositoryError, match="not the file that passed the gates"):
        embed({**stage_inputs, "export": export}, tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pins: pl.concat([pins, pins[:1]]), "stands twice"),
        (lambda pins: pins.clear(), "no pins"),
        (lambda pins: pins.drop("graph_vector"), "no column 'graph_vector'"),
    ],
)
def test_pins_that_cannot_be_embedded_are_refused(
    stage_inputs: dict[str, Path], tmp_path: Path, change: object, message: str
) -> None:
    data = tmp_path / "data"
    shutil.copytree(stage_inputs["data"], data)
    pins = pl.read_parquet(data / "pins.parquet")
    change(pins).write_parquet(data / "pins.parquet")
    with pytest.raises(DatasetError, match=message):
        embed({**stage_inputs, "data": data}, tmp_path / "out")
