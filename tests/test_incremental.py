"""A stage runs again when what it reads has changed, on the default target: 1,000 pins."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from pintower import labels
from pintower.artifacts import hash_files, read_json, read_manifest
from pintower.cli import app
from pintower.config import (
    DataConfig,
    EvaluationConfig,
    ExportConfig,
    LabelsConfig,
    Recipe,
    RepositoryConfig,
    StudentConfig,
    TeacherConfig,
)
from pintower.forecast import forecast
from pintower.pipeline import Outcome, run_stages
from pintower.stages import BUILD, STAGES, select_stages

THINGS = ["red shoes", "blue sofa", "lemon cake", "garden bench", "beach house"]
QUERIES = [f"{thing} {kind}" for thing in THINGS for kind in ("", "ideas", "for home")]
PINS = 1_000
JUDGED = 40
"""The first pins are judged, the next ones were shown, and no one touched the others."""
SHOWN = 80
UNTOUCHED = 500


def title_of(row: int) -> str:
    """Return a title of words that the tokenizer knows, another for each of 3,125 pins."""
    return " ".join(THINGS[row // 5**place % 5] for place in range(5))


def pin_rows() -> list[dict[str, str]]:
    return [{"pin_id": f"p{row:04d}", "title": title_of(row)} for row in range(PINS)]


def write_pins(folder: Path, rows: list[dict[str, str]]) -> None:
    pl.DataFrame(rows).write_parquet(folder / "pins.parquet")


def retitled(row: int, title: str = "a velvet armchair") -> list[dict[str, str]]:
    rows = pin_rows()
    rows[row]["title"] = title
    return rows


def write_judgments(folder: Path, levels: dict[tuple[int, int], int] | None = None) -> None:
    """Judge the first pins for every query; a third of the queries is held out."""
    splits = {0: "test", 1: "validation"}
    rows = [
        {
            "query": query,
            "pin_id": f"p{pin:04d}",
            "level": (levels or {}).get((place, pin), 5 if pin % 5 == place // 3 else 1 + pin % 3),
            "split": splits.get(place % 5, "train"),
        }
        for place, query in enumerate(QUERIES)
        for pin in range(JUDGED)
    ]
    pl.DataFrame(rows).write_parquet(folder / "judgments.parquet")


def write_log(folder: Path, more: list[str] | None = None) -> None:
    queries = [*QUERIES, *(f"{query} cheap" for query in QUERIES), *(more or [])]
    pl.DataFrame({"query": queries}).write_parquet(folder / "query_log.parquet")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    write_pins(folder, pin_rows())
    write_judgments(folder)
    write_log(folder)
    rows = [(query, f"p{pin:04d}") for query in QUERIES for pin in range(JUDGED, SHOWN)]
    shown = pl.DataFrame(rows, schema=["query", "pin_id"], orient="row")
    shown.write_parquet(folder / "impressions.parquet")
    return folder


def recipe_of(dataset: Path, backbone: Path) -> Recipe:
    encoder = str(backbone)
    return Recipe(
        name="tiny",
        data=DataConfig(path=dataset, judgments_required=False),
        teacher=TeacherConfig(encoder=encoder, epochs=1, pairs=64, bf16=False),
        labels=LabelsConfig(
            force=True, pairs=700, shard_size=200
        ),  # more than were shown: some are searched
        student=StudentConfig(
            query_encoder=encoder, pin_encoder=encoder, width=16, hidden=(8,), bf16=False
        ),
        evaluation=EvaluationConfig(bootstrap=20),
        export=ExportConfig(parity_texts=20, target_runtime=False),
        repository=RepositoryConfig(pairs=40, golden_queries=2, served_gates=False),
    )


class Work:
    """A dataset of one's own, and the work folder of its runs."""

    def __init__(self, root: Path, backbone: Path) -> None:
        self.dataset, self.folder, self.student = root / "dataset", root / "work", root / "student"
        self.recipe = recipe_of(self.dataset, backbone)

    def run(self, until: str = "repository", start: str | None = None) -> dict[str, Outcome]:
        """Run the recipe."""
        stages = select_stages(self.recipe, until, start)
        outcomes = run_stages(stages, self.recipe, self.folder, force_from=start)
        return {outcome.stage: outcome for outcome in outcomes}

    def build(self) -> dict[str, Outcome]:
        """Run the stages of ``pintower build`` with the student."""
        stages = [stage for stage in STAGES if stage.name in BUILD]
        given = {"student": self.student}
        outcomes = run_stages(stages, self.recipe, self.folder, given=given)
        return {outcome.stage: outcome for outcome in outcomes}

    def foretold(self, until: str = "repository") -> dict[str, str]:
        """Return the state that a dry run tells of each stage."""
        told = forecast(select_stages(self.recipe, until), self.recipe, self.folder)
        return {item.stage: item.state for item in told}

    def recipe_file(self) -> Path:
        """Write the recipe as a user would."""
        lines = []
        for name, section in self.recipe.model_dump(mode="json", exclude_unset=True).items():
            if name == "name":
                lines.append(f'name = "{section}"')
            else:
                lines += [f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in section.items())]
        path = self.dataset.parent / "tiny.toml"
        path.write_text("\n".join(lines))
        return path


def ran(outcomes: dict[str, Outcome]) -> list[str]:
    return [name for name, outcome in outcomes.items() if outcome.ran]


@pytest.fixture(scope="module")
def whole(written: Path, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to the end."""
    root = tmp_path_factory.mktemp("run")
    shutil.copytree(written, root / "dataset")
    work = Work(root, tiny_backbone)
    assert ran(work.run()) == [
        "data", "teacher", "labels", "student", "evaluation", "export", "pins", "repository",
    ]  # fmt: skip
    assert ran(work.run()) == []
    return root


@pytest.fixture
def work(whole: Path, tiny_backbone: Path, tmp_path: Path) -> Work:
    """A copy of the run; its recipe names the copy's dataset, whose bytes are the same."""
    shutil.copytree(whole, tmp_path / "copy")
    return Work(tmp_path / "copy", tiny_backbone)


@pytest.fixture
def build(whole: Path, tiny_backbone: Path, tmp_path: Path) -> Work:
    """The run's student, given to builds of its own."""
    for name in ("dataset", "work/student"):
        shutil.copytree(whole / name, tmp_path / Path(name).name)
    return Work(tmp_path, tiny_backbone)


def artifacts(work: Work) -> dict[str, str]:
    graphs = read_json(work.folder / "export" / "contract.json")["graphs"]
    return {name: graph["artifact_id"] for name, graph in graphs.items()}


def test_one_changed_pin_of_a_thousand_embeds_one_and_exports_nothing(build: Work) -> None:
    first = build.build()
    assert ran(first) == ["data", "export", "pins", "repository"]
    assert first["pins"].info["embedded"] == PINS
    contract = read_json(build.folder / "export" / "contract.json")
    assert contract["graphs"]["pin_encoder"]["precision"] == "int8-static"
    write_pins(build.dataset, retitled(UNTOUCHED))
    second = build.build()
    assert ran(second) == ["data", "pins", "repository"]
    assert second["pins"].info["embedded"] == 1
    assert len(list((build.folder / "pin_store").glob("*.lance"))) == 1
    assert ran(build.build()) == []


def test_what_embed_has_embedded_a_build_does_not_embed_again(build: Work) -> None:
    build.build()
    rows = [*retitled(UNTOUCHED), {"pin_id": "new", "title": "a new pin"}]
    write_pins(build.dataset, rows)
    catalogue = build.dataset / "pins.parquet"
    command = ["embed", catalogue, "--workdir", build.folder, "--student", build.student, "--json"]
    done = CliRunner().invoke(app, [str(item) for item in command], catch_exceptions=False)
    assert json.loads(done.stdout)["embedded"] == 2
    built = build.build()
    assert built["pins"].info["embedded"] == 0
    assert built["pins"].info["pins"] == PINS + 1
    assert not built["export"].ran
    assert len(list((build.folder / "pin_store").glob("*.lance"))) == 1


def test_another_catalogue_gives_the_same_graphs(build: Work) -> None:
    """Nothing of a catalogue reaches an artifact, whatever makes the export run."""
    build.build()
    before = artifacts(build)
    shutil.rmtree(build.folder)
    write_pins(build.dataset, [{**row, "title": f"no {row['title']}"} for row in pin_rows()])
    write_log(build.dataset, more=["something else entirely"])
    build.build()
    assert artifacts(build) == before


def test_a_changed_pin_that_nothing_touches_trains_and_exports_nothing(work: Work) -> None:
    write_pins(work.dataset, retitled(UNTOUCHED))
    expected = {"data": "runs", "pins": "runs", "repository": "may run"}
    untouched = dict.fromkeys(
        ("teacher", "labels", "student", "evaluation", "export"), "up to date"
    )
    assert work.foretold() == {**untouched, **expected}
    outcomes = work.run()
    assert ran(outcomes) == ["data", "pins", "repository"]
    assert outcomes["pins"].info["embedded"] == 1
    assert ran(work.run()) == []


def test_new_and_gone_and_reordered_pins_that_nothing_touches_train_nothing(work: Work) -> None:
    rows = [
        {"pin_id": "a", "title": "x"},
        *(row for row in pin_rows()[::-1] if row["pin_id"] != "p0500"),
    ]
    write_pins(work.dataset, rows)
    assert ran(work.run()) == ["data", "pins", "repository"]


def test_a_changed_pin_of_a_held_out_judgment_is_measured_again_with_the_same_graphs(
    work: Work,
) -> None:
    before = artifacts(work)
    rows = pl.read_parquet(work.dataset / "judgments.parquet")
    extra = pl.DataFrame(
        {"query": QUERIES[0], "pin_id": ["p9000"], "level": 4, "split": "test"}
    ).cast({"level": rows.schema["level"]})
    pl.concat([rows, extra]).write_parquet(work.dataset / "judgments.parquet")
    write_pins(work.dataset, [*pin_rows(), {"pin_id": "p9000", "title": "red shoes"}])
    added = work.run()
    assert {"teacher", "labels", "student"} & set(ran(added)) == set()
    assert {"evaluation", "export"} <= set(ran(added))
    write_pins(work.dataset, [*pin_rows(), {"pin_id": "p9000", "title": "blue shoes"}])
    assert ran(work.run()) == ["data", "evaluation", "export", "pins", "repository"]
    assert artifacts(work) == before
    assert read_manifest(work.folder / "pins").info["embedded"] == 1  # type: ignore[union-attr]


def test_a_changed_pin_that_was_labelled_is_labelled_again(work: Work) -> None:
    labelled = pl.read_parquet(work.folder / "labels" / "labels-*.parquet")
    searched = set(labelled["pin_id"]) - {f"p{row:04d}" for row in range(SHOWN)}
    row = int(min(searched)[1:])  # no judgment and no impression has it
    write_pins(work.dataset, retitled(row))
    outcomes = work.run("student")
    assert ran(outcomes) == ["data", "labels", "student"]


def test_a_changed_level_trains_again_where_it_is_in_training_and_else_not(work: Work) -> None:
    write_judgments(work.dataset, {(0, 7): 3})  # of the test split
    assert ran(work.run("export")) == ["data", "evaluation", "export"]
    write_judgments(work.dataset, {(0, 7): 3, (2, 7): 4})
    assert ran(work.run("student"))[:2] == ["data", "teacher"]


def test_a_longer_log_of_the_same_queries_trains_nothing(work: Work) -> None:
    write_log(work.dataset, more=QUERIES)
    assert ran(work.run()) == ["data", "evaluation"]


def test_new_queries_in_the_log_are_sampled_and_labelled(work: Work) -> None:
    write_log(work.dataset, more=["a query nobody typed"])
    assert "labels" in ran(work.run("labels"))
    assert "teacher" not in ran(work.run("labels"))


def test_what_was_drawn_is_drawn_again_when_it_is_asked_for(work: Work) -> None:
    before = hash_files(work.folder / "student" / "match_stats")
    write_pins(work.dataset, retitled(UNTOUCHED))
    work.run()
    assert hash_files(work.folder / "student" / "match_stats") == before
    told = forecast(select_stages(work.recipe, "student"), work.recipe, work.folder)
    assert "--from student draws again" in told[-1].why[0]
    assert ran(work.run("student", start="student")) == ["student"]
    assert hash_files(work.folder / "student" / "match_stats") != before


def test_an_encoder_as_it_is_is_not_adopted_again_for_a_pin_that_nothing_touches(
    work: Work, tiny_backbone: Path
) -> None:
    adopting = StudentConfig(method="encoder", query_encoder=str(tiny_backbone))
    work.recipe = work.recipe.model_copy(update={"student": adopting})
    assert "student" in ran(work.run("student"))
    write_pins(work.dataset, retitled(UNTOUCHED))
    assert ran(work.run("student")) == ["data"]
    write_pins(work.dataset, retitled(2))
    assert ran(work.run("student")) == ["data", "student"]


def kill_after(shards: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the labels stage end as if it were killed, after some shards."""
    write, written = labels._write_shard, []

    def die(path: Path, shard: pl.DataFrame) -> None:
        if len(written) == shards:
            raise KeyboardInterrupt
        written.append(path)
        write(path, shard)

    monkeypatch.setattr(labels, "_write_shard", die)


@pytest.mark.parametrize("changed", [False, True])
def test_labels_of_a_killed_run_are_kept_if_nothing_changed_that_was_drawn_from(
    work: Work, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, changed: bool
) -> None:
    """Shards of one sample never lie beside those of another."""
    shutil.rmtree(work.folder / "labels")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        kill_after(2, patched)
        work.run("labels")
    if changed:
        rows = pin_rows()
        for row in range(SHOWN, PINS):  # searched, and touched by no one yet
            rows[row]["title"] = title_of(row + 1)
        write_pins(work.dataset, rows)
    with caplog.at_level("INFO", logger="pintower"):
        resumed = work.run("labels")
    assert ("resuming: 2 of" in caplog.text) != changed
    made = hash_files(work.folder / "labels")
    shutil.rmtree(work.folder / "labels")
    work.run("labels")
    assert hash_files(work.folder / "labels") == made
    assert resumed["labels"].info["shards"] == 4


def test_a_dry_run_tells_which_stages_would_run_and_why_and_writes_nothing(work: Work) -> None:
    write_pins(work.dataset, retitled(UNTOUCHED))
    before = hash_files(work.folder)
    command = ["run", work.recipe_file(), "--workdir", work.folder, "--until", "repository"]
    done = CliRunner().invoke(
        app, [*(str(item) for item in command), "--dry-run", "--json"], catch_exceptions=False
    )
    told = {item["stage"]: item for item in json.loads(done.stdout)["stages"]}
    assert hash_files(work.folder) == before
    assert (told["data"]["state"], told["data"]["why"]) == ("runs", ["the dataset changed"])
    kept = ["keeps what it drew from the data before; --from teacher draws again"]
    assert (told["teacher"]["state"], told["teacher"]["why"]) == ("up to date", kept)
    assert told["pins"]["why"] == ["data/pins.parquet changed"]
    whole = read_manifest(work.folder / "pins")
    assert whole is not None
    assert told["pins"]["minutes"] < whole.seconds / 60  # one pin of a thousand
    assert told["repository"]["why"] == ["if pins comes out otherwise than before"]
    again = [*(str(item) for item in command), "--dry-run", "--set", "teacher.epochs=2"]
    shown = CliRunner().invoke(app, again, catch_exceptions=False).stdout
    assert "teacher.epochs is 2, was 1" in " ".join(shown.split())
    assert "minutes, as measured on this machine" in shown
