import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.artifacts import hash_files, read_json
from pintower.config import PinsConfig
from pintower.contracts import Contract
from pintower.data.candidates import CandidateIndex
from pintower.errors import DatasetError, RepositoryError, StudentError
from pintower.models.onnx_session import GraphEncoder
from pintower.models.student import load_student, space_id
from pintower.pins import run
from pintower.pins.embedder import PinEmbedder
from pintower.snapshot import Snapshot, hash_ids
from tests.bf16 import declare_bf16, needs_bf16

CONFIG = PinsConfig(batch_tokens=100, chunk=10, threads=1)


def embed(inputs: dict[str, Path], workdir: Path) -> dict[str, object]:
    """Run the stage into ``workdir/pins``; its store is ``workdir/pin_store``."""
    (workdir / "pins").mkdir(exist_ok=True, parents=True)
    return run(CONFIG, inputs, workdir / "pins")


def open_current(folder: Path) -> Snapshot:
    name = read_json(folder / "current.json")["snapshot"]
    return Snapshot.open(folder / "snapshots" / name)


@pytest.fixture(scope="session")
def embedded(stage_inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    workdir = tmp_path_factory.mktemp("embedded")
    embed(stage_inputs, workdir)
    return workdir / "pins"


def test_snapshot_holds_torchs_embeddings_of_every_pin(
    stage_inputs: dict[str, Path], embedded: Path
) -> None:
    student = load_student(stage_inputs["student"])
    pins = pl.read_parquet(stage_inputs["data"] / "pins.parquet")
    snapshot = open_current(embedded)
    ids = np.array([pin_id.encode() for pin_id in pins["pin_id"]])
    assert snapshot.ids.tolist() == ids[np.argsort(hash_ids(ids))].tolist()
    rows, known = snapshot.look_up([pin_id.encode() for pin_id in pins["pin_id"]])
    assert known.all()
    np.testing.assert_allclose(snapshot.embeddings(rows), student.embed_pins(pins), atol=1e-5)
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
        "shard": 0,
        "shards": 1,
        "pins": 42,
    }
    folder = embedded / "snapshots" / current["snapshot"]
    assert len(current["snapshot"]) == 16
    assert read_json(folder / "manifest.json")["files"] == hash_files(folder)
    assert open_current(embedded).info["space_id"] == current["space_id"]
    names = {path.name for path in embedded.iterdir()}
    assert names == {"candidates", "current.json", "gates.json", "snapshots", "titles.parquet"}


def test_a_second_run_embeds_nothing_and_gives_the_same_snapshot(
    stage_inputs: dict[str, Path], tmp_path: Path
) -> None:
    first = embed(stage_inputs, tmp_path)
    shutil.rmtree(tmp_path / "pins")
    second = embed(stage_inputs, tmp_path)
    assert (first["embedded"], second["embedded"]) == (42, 0)
    assert first["snapshot"] == second["snapshot"]


@pytest.mark.parametrize(
    ("precision", "runtime", "tokens"),
    [
        ("fp32", "onnx", 512),
        ("fp32", "torch", 2_048),
        pytest.param("bf16", "onnx", 2_048, marks=needs_bf16),
    ],
)
def test_batches_are_as_large_as_suits_what_embeds(
    stage_inputs: dict[str, Path], tmp_path: Path, precision: str, runtime: str, tokens: int
) -> None:
    export = shutil.copytree(stage_inputs["export"], tmp_path / "export")
    if precision == "bf16":
        declare_bf16(export)
    config = PinsConfig.model_validate({"runtime": runtime, "threads": 1})
    for given, wanted in ((None, tokens), (100, 100)):
        changed = config.model_copy(update={"batch_tokens": given})
        embedder = PinEmbedder.load(changed, stage_inputs["student"], export)
        assert embedder.batch_tokens == wanted


def test_the_snapshot_of_a_changed_catalogue_is_that_of_a_fresh_store(
    stage_inputs: dict[str, Path], tmp_path: Path
) -> None:
    embed(stage_inputs, tmp_path / "updated")
    data = tmp_path / "data"
    shutil.copytree(stage_inputs["data"], data)
    pins = pl.read_parquet(data / "pins.parquet")
    title = pl.when(pl.col("pin_id") == "pin-003").then(pl.lit("a new title"))
    changed = pins.with_columns(title=title.otherwise("title")).filter(
        pl.col("pin_id") != "pin-004"
    )
    changed.write_parquet(data / "pins.parquet")
    inputs = {**stage_inputs, "data": data}
    info = embed(inputs, tmp_path / "updated")
    assert (info["embedded"], info["deleted"], info["pins"]) == (1, 1, 41)
    fresh = embed(inputs, tmp_path / "fresh")
    assert fresh["embedded"] == 41
    ours, theirs = (open_current(tmp_path / name / "pins") for name in ("updated", "fresh"))
    assert ours.ids.tolist() == theirs.ids.tolist()
    rows = np.arange(41)
    # Other batches round otherwise, by the last bits.
    np.testing.assert_allclose(ours.embeddings(rows), theirs.embeddings(rows), atol=1e-6)
    for name in ("ids", "counts", "indptr", "title_ids"):
        np.testing.assert_array_equal(getattr(ours.index, name), getattr(theirs.index, name))


def test_a_dataset_that_lacks_many_pins_of_the_store_deletes_none(
    stage_inputs: dict[str, Path], tmp_path: Path
) -> None:
    before = embed(stage_inputs, tmp_path)
    data = tmp_path / "data"
    shutil.copytree(stage_inputs["data"], data)
    pins = pl.read_parquet(data / "pins.parquet")
    pins[:21].write_parquet(data / "pins.parquet")
    inputs = {**stage_inputs, "data": data}
    with pytest.raises(DatasetError, match=r"lacks 21 pins .* 50%.*--max-deleted"):
        embed(inputs, tmp_path)
    assert embed(stage_inputs, tmp_path)["embedded"] == 0
    allowed = CONFIG.model_copy(update={"max_deleted": 0.5})
    assert run(allowed, inputs, tmp_path / "pins")["pins"] == before["pins"] - 21


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
    stage_inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = GraphEncoder.embed

    def poisoned(encoder: GraphEncoder, texts: list[str], *given: object, **more: object) -> object:
        embeddings = plain(encoder, texts, *given, **more)
        embeddings[[text.startswith("blue sofa number 1 ") for text in texts]] = np.nan
        return embeddings

    monkeypatch.setattr(GraphEncoder, "embed", poisoned)
    info = embed(stage_inputs, tmp_path)
    assert info["not_finite"] == 1
    embeddings, _ = open_current(tmp_path / "pins").features("x", [b"pin-001", b"pin-002"])
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
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["pins"]
    assert not list((tmp_path / "out" / "pins").iterdir())


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
        (lambda pins: pins.drop("graph_vector"), "feature column 'graph_vector'"),
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
