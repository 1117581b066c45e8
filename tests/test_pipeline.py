from collections.abc import Iterator
from pathlib import Path

import pytest

from pintower.artifacts import lock_folder, read_manifest
from pintower.config import (
    DataConfig,
    LabelsConfig,
    Recipe,
    ReportConfig,
    StudentConfig,
    TeacherConfig,
)
from pintower.errors import InputError, RecipeError, SetupError
from pintower.pipeline import Outcome, run_stages
from pintower.stages import STAGES, Stage, select_stages
from tests import counting_stage

CHAIN = (
    Stage("teacher", "tests.counting_stage", ()),
    Stage("labels", "tests.counting_stage", ("teacher",), resumable=True),
    Stage("student", "tests.counting_stage", ("labels",)),
)
RECIPE = Recipe(name="test")


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    counting_stage.RUNS.clear()
    counting_stage.BEHAVIOUR.clear()
    yield


def ran(outcomes: list[Outcome]) -> list[str]:
    return [outcome.stage for outcome in outcomes if outcome.ran]


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    assert ran(run_stages(CHAIN, RECIPE, tmp_path)) == ["teacher", "labels", "student"]
    assert ran(run_stages(CHAIN, RECIPE, tmp_path)) == []
    assert len(counting_stage.RUNS) == 3


def test_a_changed_section_runs_its_stage_and_those_whose_input_changed(tmp_path: Path) -> None:
    run_stages(CHAIN, RECIPE, tmp_path)
    changed = RECIPE.model_copy(update={"labels": LabelsConfig(pairs=5)})
    assert ran(run_stages(CHAIN, changed, tmp_path)) == ["labels"]  # its output is the same
    counting_stage.BEHAVIOUR["LabelsConfig"] = "y"
    again = RECIPE.model_copy(update={"labels": LabelsConfig(pairs=6)})
    assert ran(run_stages(CHAIN, again, tmp_path)) == ["labels", "student"]


def test_other_text_rules_run_every_stage_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_stages(CHAIN, RECIPE, tmp_path)
    monkeypatch.setattr("pintower.keys.TEXT_RULES", 3)
    assert ran(run_stages(CHAIN, RECIPE, tmp_path)) == ["teacher", "labels", "student"]


def test_from_runs_a_stage_and_the_later_ones_again(tmp_path: Path) -> None:
    run_stages(CHAIN, RECIPE, tmp_path)
    outcomes = run_stages(CHAIN, RECIPE, tmp_path, force_from="labels")
    assert ran(outcomes) == ["labels", "student"]


@pytest.mark.parametrize(
    ("stage", "section", "left"), [(0, "TeacherConfig", []), (1, "LabelsConfig", ["part"])]
)
def test_only_a_resumable_stage_finds_what_a_broken_run_left(
    tmp_path: Path, stage: int, section: str, left: list[str]
) -> None:
    counting_stage.BEHAVIOUR[section] = "fail"
    with pytest.raises(RuntimeError, match=section):
        run_stages(CHAIN, RECIPE, tmp_path)
    assert read_manifest(CHAIN[stage].place(tmp_path)) is None
    del counting_stage.BEHAVIOUR[section]
    assert run_stages(CHAIN, RECIPE, tmp_path)[stage].info["left"] == left


def test_a_folder_given_from_elsewhere_stands_for_its_stage(tmp_path: Path) -> None:
    given = tmp_path / "mine"
    given.mkdir()
    (given / "out.txt").write_text("mine ")
    work = tmp_path / "work"
    run_stages(CHAIN[2:], RECIPE, work, given={"labels": given})
    assert (work / "student" / "out.txt").read_text() == "mine x"
    (given / "out.txt").write_text("other ")
    assert ran(run_stages(CHAIN[2:], RECIPE, work, given={"labels": given})) == ["student"]


def test_two_runs_in_one_folder_are_refused(tmp_path: Path) -> None:
    with lock_folder(tmp_path, "wait"), pytest.raises(SetupError, match="Another run"):
        run_stages(CHAIN, RECIPE, tmp_path)


def names(stages: list[Stage]) -> list[str]:
    return [stage.name for stage in stages]


def test_stages_are_selected_by_name() -> None:
    assert names(select_stages(RECIPE, "labels")) == ["data", "teacher", "labels"]
    assert names(select_stages(RECIPE)) == names(list(STAGES))
    with pytest.raises(RecipeError, match="Unknown stage 'pin'; allowed: data, teacher"):
        select_stages(RECIPE, "pin")
    with pytest.raises(RecipeError, match="comes after"):
        select_stages(RECIPE, "data", "pins")


ADOPTING = Recipe(name="test", student=StudentConfig(method="encoder"))


def test_a_recipe_that_takes_an_encoder_as_it_is_has_no_teacher_and_no_labels() -> None:
    assert names(select_stages(ADOPTING, "evaluation")) == ["data", "student", "evaluation"]
    left = [stage for stage in STAGES if stage.name not in names(select_stages(ADOPTING))]
    assert names(left) == ["teacher", "labels"]


@pytest.mark.parametrize(
    ("until", "start"), [("labels", None), (None, "teacher"), ("student", "labels")]
)
def test_a_stage_that_the_recipe_leaves_out_is_refused_with_the_reason(
    until: str | None, start: str | None
) -> None:
    with pytest.raises(RecipeError, match=r"nothing is distilled\. Its stages: data, student, "):
        select_stages(ADOPTING, until, start)


def test_a_recipe_that_ends_with_a_stage_it_leaves_out_is_refused() -> None:
    recipe = ADOPTING.model_copy(update={"until": "labels"})
    with pytest.raises(RecipeError, match="has no stage 'labels'"):
        select_stages(recipe)


def test_a_teacher_of_an_earlier_run_is_no_input_of_a_run_without_one(tmp_path: Path) -> None:
    chain = (
        Stage("teacher", "tests.counting_stage", ()),
        Stage("evaluation", "tests.counting_stage", ("teacher",)),
    )
    made = tmp_path / "evaluation" / "out.txt"
    run_stages(chain, RECIPE, tmp_path)
    assert made.read_text() == "xx"
    run_stages(chain[1:], ADOPTING, tmp_path)
    assert made.read_text() == "x"


def test_every_stage_reads_only_stages_before_it() -> None:
    seen: set[str] = set()
    for stage in STAGES:
        assert set(stage.inputs) <= seen
        seen.add(stage.name)


@pytest.mark.parametrize("stage", ["teacher", "report"])
def test_new_bytes_in_a_folder_that_a_section_names_run_its_stage_again(
    stage: str, tmp_path: Path
) -> None:
    named = tmp_path / "named"
    named.mkdir()
    (named / "part.bin").write_bytes(b"old")
    recipe = Recipe(
        name="test",
        teacher=TeacherConfig(encoder=str(named)),
        report=ReportConfig(plan=named),
    )
    stages = [Stage(stage, "tests.counting_stage", ())]
    work = tmp_path / "work"
    run_stages(stages, recipe, work)
    assert ran(run_stages(stages, recipe, work)) == []
    (named / "part.bin").write_bytes(b"new")
    assert ran(run_stages(stages, recipe, work)) == [stage]


def test_a_changed_hand_written_file_runs_its_stage_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = tmp_path / "targets"
    written.mkdir()
    (written / "cpu.toml").write_text("old")
    monkeypatch.setattr("pintower.keys.asset", lambda name: tmp_path / name)
    stage = Stage("teacher", "tests.counting_stage", (), assets=("targets",))
    work = tmp_path / "work"
    run_stages([stage], RECIPE, work)
    assert ran(run_stages([stage], RECIPE, work)) == []
    (written / "cpu.toml").write_text("new")
    assert ran(run_stages([stage], RECIPE, work)) == ["teacher"]


def test_a_users_own_folder_in_the_way_is_refused_and_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "labels" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(InputError, match=r"labels holds files that pintower did not make"):
        run_stages(CHAIN, RECIPE, tmp_path)
    assert mine.read_text() == "mine"


def test_a_dataset_where_the_run_would_write_is_refused_and_left_alone(tmp_path: Path) -> None:
    dataset = tmp_path / "data"
    dataset.mkdir()
    (dataset / "pins.jsonl").write_text('{"pin_id": "1", "title": "x"}')
    recipe = Recipe(name="test", data=DataConfig(path=dataset, judgments_required=False))
    with pytest.raises(InputError, match="Give another --workdir"):
        run_stages(STAGES[:1], recipe, tmp_path)
    assert [path.name for path in dataset.iterdir()] == ["pins.jsonl"]
