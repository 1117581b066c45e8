"""A run told beforehand agrees with the run, and says why."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pintower.artifacts import read_json, read_manifest, write_json
from pintower.cli.run import print_forecast
from pintower.config import DataConfig, LabelsConfig, Recipe
from pintower.errors import InputError
from pintower.estimates.pace import Pace
from pintower.forecast import Forecast, forecast
from pintower.pipeline import run_stages
from pintower.stages import STAGES, Stage
from tests import counting_stage

CHAIN = (
    Stage("teacher", "tests.counting_stage", ()),
    Stage("labels", "tests.counting_stage", ("teacher",)),
    Stage("student", "tests.counting_stage", ("labels",)),
)
RECIPE = Recipe(name="test")


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    counting_stage.RUNS.clear()
    counting_stage.BEHAVIOUR.clear()
    yield


def told(workdir: Path, recipe: Recipe = RECIPE, start: str | None = None) -> dict[str, Forecast]:
    return {item.stage: item for item in forecast(CHAIN, recipe, workdir, force_from=start)}


def states(items: dict[str, Forecast]) -> list[str]:
    return [item.state for item in items.values()]


def test_before_the_first_run_every_stage_runs_for_an_unknown_time(tmp_path: Path) -> None:
    found = told(tmp_path / "work")
    assert states(found) == ["runs"] * 3
    assert {item.why for item in found.values()} == {("it has not run yet",)}
    assert {item.minutes for item in found.values()} == {None}
    assert not (tmp_path / "work").exists()
    assert not counting_stage.RUNS


def test_a_changed_key_is_named_and_the_later_stages_may_run(tmp_path: Path) -> None:
    run_stages(CHAIN, RECIPE, tmp_path)
    assert states(told(tmp_path)) == ["up to date"] * 3
    found = told(tmp_path, RECIPE.model_copy(update={"labels": LabelsConfig(pairs=5)}))
    assert states(found) == ["up to date", "runs", "may run"]
    assert found["labels"].why == ("labels.pairs is 5, was 100000",)
    assert found["student"].why == ("if labels comes out otherwise than before",)
    manifest = read_manifest(tmp_path / "labels")
    assert manifest is not None
    assert found["labels"].minutes == manifest.seconds / 60
    assert len(counting_stage.RUNS) == 3


def test_another_input_and_another_version_are_named(tmp_path: Path) -> None:
    run_stages(CHAIN, RECIPE, tmp_path)
    counting_stage.BEHAVIOUR["TeacherConfig"] = "y"
    run_stages(CHAIN[:1], RECIPE, tmp_path, force_from="teacher")
    assert told(tmp_path)["labels"].why == ("teacher/ changed",)
    path = tmp_path / "student" / "manifest.json"
    manifest = read_json(path)
    manifest["parts"]["version"], manifest["key"] = "0.0.1", "other"
    write_json(path, manifest)
    assert 'was "0.0.1"' in told(tmp_path)["student"].why[0]


def test_a_manifest_of_an_earlier_version_loads_and_its_stage_runs(tmp_path: Path) -> None:
    run_stages(CHAIN, RECIPE, tmp_path)
    path = tmp_path / "teacher" / "manifest.json"
    manifest = read_json(path)
    for name in ("parts", "drawn"):
        del manifest[name]
    path.write_text(json.dumps(manifest | {"key": "of an earlier version"}))
    found = told(tmp_path)
    assert states(found) == ["runs", "may run", "may run"]
    assert found["teacher"].why == ("an earlier version of pintower ran it",)
    outcomes = run_stages(CHAIN, RECIPE, tmp_path)
    assert [outcome.ran for outcome in outcomes] == [True, False, False]  # it made the same


def test_stages_that_are_asked_for_run(tmp_path: Path) -> None:
    run_stages(CHAIN, RECIPE, tmp_path)
    found = told(tmp_path, start="labels")
    assert states(found) == ["up to date", "runs", "runs"]
    assert found["student"].why == ("asked for",)


def test_a_stage_whose_input_is_gone_may_run(tmp_path: Path) -> None:
    run_stages(CHAIN, RECIPE, tmp_path)
    for path in (tmp_path / "labels").iterdir():
        path.unlink()
    (tmp_path / "labels").rmdir()
    found = told(tmp_path)
    assert states(found) == ["up to date", "runs", "may run"]
    assert found["student"].why == ("as labels comes out, which is not there",)


@pytest.mark.parametrize("name", ["labels", "student"])
def test_a_file_in_a_stages_place_is_refused_by_run_and_dry_run_alike(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("mine")
    for start in (lambda: run_stages(CHAIN, RECIPE, tmp_path), lambda: told(tmp_path)):
        with pytest.raises(InputError, match="is a file, a folder is wanted"):
            start()
    assert counting_stage.RUNS == []
    assert [path.name for path in tmp_path.iterdir()] == [name]
    for workdir in (tmp_path / name, Path("/")):
        with pytest.raises(InputError):
            told(workdir)


def test_nothing_known_of_the_time_is_said_as_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_forecast(list(told(tmp_path).values()), tmp_path, as_json=False)
    printed = capsys.readouterr().out
    assert "How long it takes is unknown" in printed
    assert "About 0.0" not in printed


def paced(name: str) -> Stage:
    return Stage(name, "tests.counting_stage", (), estimate="tests.counting_stage")


def test_the_pace_is_measured_once_and_only_where_something_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Path] = []
    pace = Pace(1.0, 2.0, 3.0, 0.0, None, {})

    def measure(recipe: Recipe, data: Path) -> Pace:
        measured.append(data)
        return pace

    monkeypatch.setattr("pintower.estimates.pace.measure_pace", measure)
    dataset = tmp_path / "dataset"
    dataset.mkdir()
    (dataset / "pins.jsonl").write_text('{"pin_id": "a", "title": "red shoes"}\n')
    recipe = Recipe(name="test", data=DataConfig(path=dataset, judgments_required=False))
    stages = (STAGES[0], paced("teacher"), paced("student"))
    found = {item.stage: item for item in forecast(stages, recipe, tmp_path / "work")}
    assert (found["teacher"].minutes, found["teacher"].most) == (1.0, 2.0)
    assert len(measured) == 1
    run_stages(stages, recipe, tmp_path / "work")
    assert (
        states({item.stage: item for item in forecast(stages, recipe, tmp_path / "work")})
        == ["up to date"] * 3
    )
    assert len(measured) == 1


def test_the_pace_of_a_student_made_elsewhere_is_not_the_recipes(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    stages = (paced("teacher"),)
    (item,) = forecast(stages, RECIPE, tmp_path / "work", given={"student": tmp_path / "mine"})
    assert item.minutes is None
