"""``pintower embed`` and ``pintower pins``, on a build of the tiny student."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from pintower.cli import app
from pintower.config import ExportConfig
from pintower.disk import DiskFullError, disk_full
from pintower.errors import (
    DatasetError,
    GateFailed,
    InputError,
    RepositoryError,
    SetupError,
    StudentError,
)
from pintower.export import run as export
from pintower.pins import similar
from pintower.snapshot import Snapshot, shard_of
from tests.bf16 import declare_bf16, needs_bf16
from tests.limits import file_limit


@pytest.fixture(scope="session")
def exported(
    tiny_student: Path, tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A work folder with an export, and the pins as a catalogue."""
    workdir = tmp_path_factory.mktemp("workdir")
    data = workdir / "data"
    data.mkdir()
    tiny_pins.write_parquet(data / "pins.parquet")
    log = pl.DataFrame({"query": ["red shoes", "blue sofa"], "timestamp": [None, None]})
    log.cast({"timestamp": pl.Int64}).write_parquet(data / "query_log.parquet")
    (workdir / "export").mkdir()
    config = ExportConfig(target="cpu-fp32", parity_texts=5, target_runtime=False)
    export(config, {"data": data, "student": tiny_student}, workdir / "export")
    shutil.copytree(tiny_student, workdir / "student")
    return workdir


@pytest.fixture
def workdir(exported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(exported, tmp_path / "[shop] of jo'sé *? 20% #1; {b}")


def pintower(*arguments: object) -> str:
    """Run a command; raise what it raises, return what it prints."""
    done = CliRunner().invoke(app, [str(item) for item in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def embed(workdir: Path, *options: object) -> dict[str, object]:
    catalogue = workdir / "data" / "pins.parquet"
    found: dict[str, object] = json.loads(
        pintower("embed", catalogue, "--workdir", workdir, "--json", *options)
    )
    return found


def test_embed_fills_a_store_and_then_has_nothing_to_do(workdir: Path) -> None:
    preview = embed(workdir, "--dry-run", "--hourly-price", "3600")
    assert preview["embedded"] == 40
    assert preview["cost"] == pytest.approx(preview["seconds"], abs=0.1)
    assert not (workdir / "pin_store").exists()
    assert embed(workdir)["embedded"] == 40
    assert embed(workdir)["embedded"] == 0
    assert "embedded" in pintower(
        "embed", workdir / "data" / "pins.parquet", "--workdir", workdir, "--dry-run"
    )


def test_embed_takes_the_rule_from_settings(workdir: Path) -> None:
    folding = ("--set", "pins.changes.fold_text=true")
    embed(workdir)
    assert embed(workdir, *folding)["embedded"] == 0
    pins = pl.read_parquet(workdir / "data" / "pins.parquet", glob=False)
    pins.with_columns(title=pl.col("title").str.to_uppercase()).write_parquet(
        workdir / "data" / "pins.parquet"
    )
    assert embed(workdir, "--dry-run")["changed"] == 40
    found = embed(workdir, *folding)
    assert (found["changed"], found["ignored"]) == (0, 40)


def test_what_the_rule_leaves_alone_is_scored_as_it_would_be(workdir: Path) -> None:
    rule = ("--set", 'pins.changes.ignored_sources=["title"]')
    embed(workdir, *rule)
    pins = pl.read_parquet(workdir / "data" / "pins.parquet", glob=False)
    title = pl.when(pl.int_range(pl.len()) < 10).then(pl.lit("quite another thing"))
    changed = pins.with_columns(title=title.otherwise("title"))
    last = pl.col("pin_id") == "pin-039"
    changed = changed.with_columns(
        caption=pl.when(last).then(pl.lit("changed")).otherwise("caption")
    )
    changed.write_parquet(workdir / "data" / "pins.parquet")
    found = embed(workdir, "--dry-run", *rule)
    assert (found["ignored"], found["changed"]) == (10, 1)
    assert found["ignored_share"] == pytest.approx(10 / 11, abs=1e-5)
    assert 0 < found["ignored_score_mean"] < found["ignored_score_max"] < 4


def test_a_catalogue_that_lacks_many_pins_is_taken_for_incomplete(workdir: Path) -> None:
    embed(workdir)
    path = workdir / "data" / "pins.parquet"
    pl.read_parquet(path, glob=False)[:30].write_parquet(path)
    with pytest.raises(DatasetError, match=r"lacks 10 pins that the store holds, 25%"):
        embed(workdir)
    preview = embed(workdir, "--dry-run")
    assert preview["deleted"] == 10
    assert "lacks 10 pins" in str(preview["refused"])
    assert "refused" not in embed(workdir, "--dry-run", "--set", "pins.max_deleted=0.3")
    assert embed(workdir, "--max-deleted", "0.3")["deleted"] == 10


def test_torch_embeds_beside_the_graph_nearly_the_same(workdir: Path) -> None:
    graph = embed(workdir)
    torch = embed(workdir, "--set", "pins.runtime=torch")
    assert torch["embedded"] == 40
    assert torch["store"] != graph["store"]
    assert json.loads(pintower("pins", "similar", "pin-001", "--workdir", workdir, "--json"))


@needs_bf16
def test_bf16_embeds_beside_fp32_nearly_the_same(workdir: Path) -> None:
    plain = embed(workdir)
    pintower("pins", "export", workdir / "fp32", "--workdir", workdir, "--format", "numpy")
    declare_bf16(workdir / "export")
    half = embed(workdir)
    assert half["embedded"] == 40
    assert half["store"] != plain["store"]
    assert embed(workdir)["embedded"] == 0
    pintower("pins", "export", workdir / "bf16", "--workdir", workdir, "--format", "numpy")
    left, right = (np.load(workdir / name / "embeddings.npy") for name in ("fp32", "bf16"))
    assert 0.999 < (left * right).sum(axis=1).min()
    assert not np.array_equal(left, right)
    assert json.loads(pintower("pins", "similar", "pin-001", "--workdir", workdir, "--json"))


def test_embed_writes_nothing_where_bf16_does_not_run(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_bf16(workdir / "export")
    monkeypatch.setitem(sys.modules, "openvino", None)
    before = sorted(workdir.rglob("*"))
    with pytest.raises(SetupError, match=r"pip install 'pintower\[openvino\]'") as raised:
        embed(workdir)
    assert raised.value.exit_code == 2
    assert sorted(workdir.rglob("*")) == before


def test_other_batches_embed_nothing_again(workdir: Path) -> None:
    assert embed(workdir, "--set", "pins.batch_tokens=512")["embedded"] == 40
    assert embed(workdir, "--set", "pins.batch_tokens=100")["embedded"] == 0
    assert embed(workdir)["embedded"] == 0


def test_similar_finds_a_pins_neighbours_and_a_texts(workdir: Path) -> None:
    embed(workdir)
    found = json.loads(
        pintower("pins", "similar", "pin-001", "--workdir", workdir, "--top", "3", "--json")
    )
    assert found["pin"]
    assert [item["pin_id"] for item in found["similar"]] != []
    assert len(found["similar"]) == 3
    assert "pin-001" not in {item["pin_id"] for item in found["similar"]}
    cosines = [item["cosine"] for item in found["similar"]]
    assert cosines == sorted(cosines, reverse=True)
    text = pintower(
        "pins", "similar", "--text", "a red [b]shoe", "--workdir", workdir, "--top", "2"
    )
    assert "near the text 'a red [b]shoe'" in text
    of_text = json.loads(
        pintower("pins", "similar", "--text", "pin-001", "--workdir", workdir, "--json")
    )
    assert (of_text["of"], of_text["pin"]) == ("pin-001", False)
    assert len(of_text["similar"]) == 10


@pytest.mark.parametrize("mistyped", ["pin-01", "PIN-001", "red shoes", ""])
def test_similar_takes_no_mistyped_id_for_a_text(workdir: Path, mistyped: str) -> None:
    embed(workdir)
    with pytest.raises(InputError, match=rf"holds no pin '{mistyped}'.* give --text"):
        pintower("pins", "similar", mistyped, "--workdir", workdir)


def test_similar_takes_a_pin_or_a_text(workdir: Path) -> None:
    for given in ((), ("pin-001", "--text", "red shoes")):
        with pytest.raises(InputError, match="either a pin's id or --text"):
            pintower("pins", "similar", *given, "--workdir", workdir)


def test_an_empty_text_is_refused_before_anything_starts(workdir: Path) -> None:
    with pytest.raises(InputError, match="--text is empty"):
        pintower("pins", "similar", "--text", " ", "--workdir", workdir)
    with pytest.raises(InputError, match="The query is empty"):
        pintower("query", "\t", "--workdir", workdir, "--start")


def test_similar_is_the_highest_cosine(workdir: Path) -> None:
    embed(workdir)
    pintower("pins", "export", workdir / "numpy", "--workdir", workdir, "--format", "numpy")
    vectors = np.load(workdir / "numpy" / "embeddings.npy")
    ids = pl.read_parquet(workdir / "numpy" / "pins.parquet", glob=False)["pin_id"].to_list()
    row = ids.index("pin-010")
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    order = [ids[place] for place in np.argsort(-(units @ units[row])) if place != row]
    found = json.loads(
        pintower("pins", "similar", "pin-010", "--workdir", workdir, "--top", "5", "--json")
    )
    assert [item["pin_id"] for item in found["similar"]] == order[:5]


def test_exports_hold_the_same_embeddings(workdir: Path) -> None:
    embed(workdir)
    table, folder = workdir / "pins.out.parquet", workdir / "numpy"
    pintower("pins", "export", table, "--workdir", workdir)
    pintower("pins", "export", folder, "--workdir", workdir, "--format", "numpy")
    frame = pl.read_parquet(table, glob=False)
    assert frame.columns == ["pin_id", "title", "embedding"]
    np.testing.assert_array_equal(
        np.stack(frame["embedding"].to_list()), np.load(folder / "embeddings.npy")
    )
    assert set(json.loads((folder / "space.json").read_text())) == {"space_id", "artifact_id"}
    with pytest.raises(InputError, match="exists"):
        pintower("pins", "export", table, "--workdir", workdir)


def test_shards_hold_every_pin_once(workdir: Path) -> None:
    embed(workdir)
    made = json.loads(
        pintower(
            "pins", "snapshot", workdir / "shards", "--workdir", workdir, "--shards", "3",
            "--precision", "int8,fp32", "--json",
        )
    )  # fmt: skip
    assert made["precision"] == "int8"
    assert 0 < made["score_max_abs"] <= 0.05
    assert sum(item["pins"] for item in made["snapshots"]) == 40
    for number, item in enumerate(made["snapshots"]):
        folder = workdir / "shards" / f"shard-{number:03d}" / "snapshots" / item["id"]
        snapshot = Snapshot.open(folder)
        snapshot.verify()
        assert (shard_of(snapshot.ids, 3) == number).all()


def test_shards_of_two_numbers_do_not_mix(workdir: Path) -> None:
    embed(workdir)
    ask = ("pins", "snapshot", workdir / "out", "--workdir", workdir, "--shards")
    pintower(*ask, "2")
    for other in ("3", "1"):
        with pytest.raises(InputError, match=f"is one of 2, and {other}"):
            pintower(*ask, other)
    pintower(*ask, "2")


def test_a_shard_without_a_pin_is_refused_and_leaves_nothing_half_built(workdir: Path) -> None:
    embed(workdir)
    out = workdir / "out"
    with pytest.raises(InputError, match="holds no pin for shard"):
        pintower("pins", "snapshot", out, "--workdir", workdir, "--shards", "1000")
    assert not list(out.rglob(".partial"))


def test_a_damaged_snapshot_is_replaced_when_it_is_built_again(workdir: Path) -> None:
    embed(workdir)
    ask = ("pins", "snapshot", workdir / "out", "--workdir", workdir, "--json")
    name = json.loads(pintower(*ask))["snapshots"][0]["id"]
    folder = workdir / "out" / "snapshots" / name
    path = folder / "embeddings.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="build it again"):
        Snapshot.open(folder).verify()
    assert json.loads(pintower(*ask))["snapshots"][0]["id"] == name
    Snapshot.open(folder).verify()
    assert [item.name for item in (workdir / "out" / "snapshots").iterdir() if item.is_dir()] == [
        name
    ]


def test_a_student_of_other_match_statistics_is_refused(workdir: Path) -> None:
    embed(workdir)
    other = shutil.copytree(workdir / "student", workdir / "other")
    path = other / "match_stats" / "stats.json"
    path.write_text(path.read_text().replace("{", "{ ", 1))
    asks: tuple[tuple[object, ...], ...] = (
        ("snapshot", workdir / "out"),
        ("similar", "--text", "red shoes"),
        ("similar", "pin-001"),
        ("export", workdir / "out"),
        ("index",),
    )
    for ask in asks:
        with pytest.raises(StudentError, match="other match statistics"):
            pintower("pins", *ask, "--workdir", workdir, "--student", other)
    assert not (workdir / "out").exists()


def test_a_work_folder_without_a_student_asks_for_one(workdir: Path) -> None:
    embed(workdir)
    (workdir / "student").rename(workdir.parent / "elsewhere")
    with pytest.raises(InputError, match="--student"):
        embed(workdir)
    with pytest.raises(InputError, match="--student"):
        pintower("pins", "similar", "--text", "red shoes", "--workdir", workdir)
    with pytest.raises(InputError, match="no work folder"):
        embed(workdir, "--workdir", workdir / "nowhere")
    elsewhere = ("--student", workdir.parent / "elsewhere")
    assert embed(workdir, *elsewhere)["embedded"] == 0
    pintower("pins", "export", workdir / "out.parquet", "--workdir", workdir, *elsewhere)
    assert (workdir / "out.parquet").is_file()


def test_a_damaged_store_is_told_by_its_name(workdir: Path) -> None:
    embed(workdir)
    data = next((workdir / "pin_store").rglob("*.lance/data/*.lance"))
    data.write_bytes(data.read_bytes()[:100])
    for ask in (("export", workdir / "out.parquet"), ("snapshot", workdir / "out")):
        with pytest.raises(RepositoryError, match=r"pin store .* is damaged"):
            pintower("pins", *ask, "--workdir", workdir)
    with pytest.raises(RepositoryError, match=r"pin store .* is damaged"):
        embed(workdir)
    assert not (workdir / "out.parquet").exists()


def test_what_cannot_be_written_is_told(workdir: Path) -> None:
    embed(workdir)
    file = workdir / "file"
    file.write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        pintower("pins", "export", file / "x.parquet", "--workdir", workdir)
    with pytest.raises(SetupError, match="cannot be made"):
        pintower("pins", "snapshot", file, "--workdir", workdir)
    with pytest.raises(InputError, match=r"Call it .*pins\.parquet"):
        pintower("pins", "export", workdir / "pins.csv", "--workdir", workdir)
    assert not (workdir / "pins.csv").exists()


@pytest.mark.parametrize("kind", ["parquet", "numpy"])
def test_an_export_that_the_disk_has_no_room_for_leaves_nothing(workdir: Path, kind: str) -> None:
    embed(workdir)
    ask = ("pins", "export", workdir / "out", "--workdir", workdir, "--format", kind)
    with pytest.raises(DiskFullError, match="the export of 40 pins"), file_limit(1024):
        pintower(*ask)
    assert not [path for path in workdir.iterdir() if "out" in path.name]
    pintower(*ask)
    assert (workdir / "out").exists()


def test_an_update_that_the_disk_has_no_room_for_is_taken_up_again(workdir: Path) -> None:
    one_by_one = ("--set", "pins.chunk=10")
    with pytest.raises(Exception) as caught, file_limit(2_000):  # noqa: PT011 - of Lance
        embed(workdir, *one_by_one)
    assert disk_full(caught.value, None, "it") is not None
    embed(workdir, *one_by_one)
    assert embed(workdir)["embedded"] == 0
    pintower("pins", "export", workdir / "out", "--workdir", workdir, "--format", "numpy")
    assert np.load(workdir / "out" / "embeddings.npy").shape == (40, 16)


def test_a_precision_that_moves_scores_too_far_gives_way_or_stops(workdir: Path) -> None:
    embed(workdir)
    options = ("--workdir", workdir, "--max-score-error", "0.0000001")
    text = pintower("pins", "snapshot", workdir / "a", *options, "--precision", "int8,fp32")
    assert "In fp32" in text
    with pytest.raises(GateFailed, match=r"snapshot\.score_max_abs"):
        pintower("pins", "snapshot", workdir / "b", *options, "--precision", "int8")
    assert not (workdir / "b").exists()


def test_an_index_is_held_to_exact_search(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = pl.read_parquet(workdir / "data" / "pins.parquet", glob=False)
    many = pl.concat(
        pins.with_columns(
            pin_id=pl.col("pin_id") + f"-{copy}", title=pl.col("title") + f" in colour {copy}"
        )
        for copy in range(30)
    )
    many.write_parquet(workdir / "data" / "pins.parquet")
    embed(workdir)
    found = json.loads(pintower("pins", "index", "--workdir", workdir, "--json"))
    assert found["queries"] == 200
    assert found["recall"] > 0.5
    assert embed(workdir)["embedded"] == 0
    monkeypatch.setattr(similar, "_LEAST_PINS", 10_000)
    with pytest.raises(InputError, match="needs 10000"):
        pintower("pins", "index", "--workdir", workdir)


def test_a_plan_says_what_was_assumed_and_what_comes_of_it() -> None:
    made = json.loads(pintower("pins", "plan", "1000000", "--width", "64", "--json"))
    assert made["given"]["width"] == 64
    assert made["bytes_a_pin"]["embedding"] == 64
    assert made["look_up"]["p50_ms"] > 0
    busy = pintower("pins", "plan", "1000000", "--requests", "1000000", "--precision", "fp16")
    assert "more requests than these hosts can answer" in busy
    assert "embedding 512" in busy


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pins", "similar", "x", "--workdir", "nowhere"), "no work folder"),
        (("pins", "snapshot", "out", "--workdir", "WORK", "--precision", "int4"), "'int4' is no"),
        (("embed", "absent.parquet", "--workdir", "WORK"), "no catalogue"),
        (("pins", "similar", "x", "--workdir", "WORK", "--store", "empty"), "no pin store"),
    ],
)
def test_a_users_mistake_is_told(workdir: Path, arguments: tuple[str, ...], message: str) -> None:
    embed(workdir)
    given = [str(workdir) if item == "WORK" else item for item in arguments]
    with pytest.raises(InputError, match=message):
        pintower(*given)
