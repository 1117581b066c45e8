"""An estimate counts texts, pairs and steps as the stages then do them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pintower import student as student_stage
from pintower import teacher as teacher_stage
from pintower.artifacts import Manifest, read_json, write_json
from pintower.config import LabelsConfig, Recipe, StudentConfig, TeacherConfig
from pintower.estimates import evaluation, export, labels, pins, student, teacher
from pintower.estimates.pace import Pace, Training, measure_pace
from pintower.estimates.situation import Situation
from pintower.models.tuning import trial
from pintower.models.tuning.examples import FOLDS
from tests.training.conftest import judge_many, write_data

NOTHING = Pace(0.0, 0.0, 0.0, 0.0, Training(0.0, 0.0), {})
STEPS = Training(1.0, 0.0)


@pytest.fixture
def recipe(tiny_backbone: Path) -> Recipe:
    encoder = str(tiny_backbone)
    return Recipe(
        name="test",
        teacher=TeacherConfig(
            encoder=encoder, similarity_encoder=encoder, epochs=2, batch_size=8, max_length=32,
            patience=100,
        ),
        labels=LabelsConfig(pairs=300),
        student=StudentConfig(
            query_encoder=encoder, pin_encoder=encoder, width=16, query_max_tokens=16,
            pin_max_tokens=24, depths=("projections", "query"), epochs=3, batch_size=16,
        ),
    )  # fmt: skip


@pytest.fixture
def judged(tiny_pins: pl.DataFrame, tmp_path: Path) -> Path:
    """A thousand judgments of twenty-five queries, a fifth of which are held out for the test."""
    return write_data(tmp_path / "data", tiny_pins, judgments=judge_many(tiny_pins))


@pytest.fixture
def situation(recipe: Recipe, judged: Path, tmp_path: Path) -> Callable[[Pace], Situation]:
    return lambda pace: Situation(recipe, {"data": judged}, tmp_path / "stage", None, lambda: pace)


def test_the_teachers_steps_are_those_that_it_takes(
    situation: Callable[[Pace], Situation], recipe: Recipe, judged: Path, tmp_path: Path
) -> None:
    (tmp_path / "teacher").mkdir()
    teacher_stage.run(recipe.teacher, {"data": judged}, tmp_path / "teacher")
    around, _ = teacher.expected_seconds(situation(NOTHING))
    seconds, most = teacher.expected_seconds(situation(replace(NOTHING, teacher=STEPS)))
    assert seconds == most
    assert seconds - around == read_json(tmp_path / "teacher" / "metrics.json")["steps"]


def test_the_teachers_checks_read_all_that_is_held_out(
    situation: Callable[[Pace], Situation], recipe: Recipe
) -> None:
    around, _ = teacher.expected_seconds(situation(NOTHING))
    seconds, _ = teacher.expected_seconds(situation(replace(NOTHING, pair=1.0)))
    held_out = 4 * 40  # a fifth of twenty queries
    assert seconds - around == (recipe.teacher.checks + 2) * held_out


def test_the_students_steps_are_those_that_it_takes(
    situation: Callable[[Pace], Situation],
    recipe: Recipe,
    judged: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[int] = []
    train = trial.train

    def counting(module: Any, batches: Sequence[Any], *given: Any, **named: Any) -> Any:
        taken.append(len(batches))
        return train(module, batches, *given, **named)

    monkeypatch.setattr(trial, "train", counting)
    student_stage.run(recipe.student, {"data": judged}, tmp_path / "student")
    each = {"projections": STEPS, "query": STEPS}
    around, _ = student.expected_seconds(
        situation(replace(NOTHING, student=dict.fromkeys(each, Training(0.0, 0.0))))
    )
    seconds, most = student.expected_seconds(
        situation(replace(NOTHING, student=each, teacher=None))
    )
    assert seconds == most
    if len(taken) == 2 * FOLDS:  # the start was taken: nothing was trained on all folds
        taken.append(3 * math.ceil(800 / 16))
    assert seconds - around == sum(taken)


def test_labels_take_nothing_or_all_until_the_teacher_is_known(
    situation: Callable[[Pace], Situation], tmp_path: Path
) -> None:
    known = situation(replace(NOTHING, pair=1.0))
    assert labels.expected_seconds(known) == (0.0, 300.0)
    for judges_better, seconds in ((True, 300.0), (False, 0.0)):
        write_json(tmp_path / "metrics.json", {"labels": judges_better})
        found = replace(known, inputs={**known.inputs, "teacher": tmp_path})
        assert labels.expected_seconds(found) == (seconds, seconds)
    forced = known.recipe.model_copy(update={"labels": LabelsConfig(pairs=300, force=True)})
    assert labels.expected_seconds(replace(known, recipe=forced)) == (300.0, 300.0)


def test_soft_labels_change_how_long_the_student_takes(
    situation: Callable[[Pace], Situation], tmp_path: Path
) -> None:
    paced = situation(replace(NOTHING, student={"projections": STEPS, "query": STEPS}))
    least, most = student.expected_seconds(paced)
    assert least < most
    (tmp_path / "labels").mkdir()
    known = replace(paced, inputs={**paced.inputs, "labels": tmp_path / "labels"})
    without = student.expected_seconds(known)
    pl.DataFrame({"pin_id": ["pin-001"] * 300}).write_parquet(
        tmp_path / "labels" / "labels-00000.parquet"
    )
    with_them = student.expected_seconds(known)
    assert without[0] == without[1]
    assert with_them[0] < with_them[1]  # whether they are learned from to every depth is open
    assert (min(*without, *with_them), max(*without, *with_them)) == (least, most)


def test_without_judgments_nothing_is_trained(
    recipe: Recipe, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", tiny_pins)
    pace = Pace(1.0, 1.0, 1.0, 0.0, None, {})
    bare = Situation(recipe, {"data": data}, tmp_path, None, lambda: pace)
    assert teacher.expected_seconds(bare) == labels.expected_seconds(bare) == (0.0, 0.0)
    least, most = pins.expected_seconds(bare) or (0.0, 0.0)
    assert 0 < least < most < len(tiny_pins)
    around = student.expected_seconds(replace(bare, measure=lambda: NOTHING))
    assert student.expected_seconds(bare)[0] - around[0] == len(tiny_pins)
    assert evaluation.expected_seconds(bare)[0] < 60


def test_a_last_run_tells_more_than_a_pace(situation: Callable[[Pace], Situation]) -> None:
    manifest = Manifest("export", "", "", 0.0, 77.0, {})
    assert export.expected_seconds(situation(NOTHING))[0] < 77.0
    again = replace(situation(NOTHING), manifest=manifest)
    assert export.expected_seconds(again) == (77.0, 77.0)


def test_the_pace_is_measured_on_the_users_own_texts(recipe: Recipe, judged: Path) -> None:
    pace = measure_pace(recipe, judged)
    assert min(pace.query, pace.pin, pace.plain_pin, pace.pair) > 0
    assert pace.teacher is not None
    assert min(pace.teacher.step, pace.student["projections"].step) > 0
    assert set(pace.student) == {"projections", "query"}


@pytest.mark.parametrize("method", ["distil", "encoder"])
def test_what_is_not_trained_is_not_measured(
    recipe: Recipe, tiny_backbone: Path, tiny_pins: pl.DataFrame, tmp_path: Path, method: str
) -> None:
    log = pl.DataFrame({"query": ["red shoes", "sofa"], "timestamp": [None, None]})
    data = write_data(tmp_path / "data", tiny_pins, query_log=log)
    encoder = str(tiny_backbone)
    section = {"method": method, "query_encoder": encoder, "pin_encoder": encoder}
    config = StudentConfig.model_validate({**section, "pin_max_tokens": 24})
    pace = measure_pace(recipe.model_copy(update={"student": config}), data)
    assert pace.pin > 0
    assert (pace.teacher, pace.student) == (None, {})
