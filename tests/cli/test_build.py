"""What ``pintower build`` makes of its options; the build itself is in ``test_end_to_end.py``."""

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pintower.artifacts import hash_files
from pintower.cli import app
from pintower.config import Recipe
from pintower.models.calibration import Calibration
from pintower.models.student import load_student
from pintower.stages import Stage


@pytest.mark.parametrize(
    ("options", "wanted"),
    [([], None), (["--pin-precision", "bf16, int8-static"], ("bf16", "int8-static"))],
)
def test_precisions_of_the_pin_encoder_reach_the_export(
    tiny_student: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    wanted: tuple[str, ...] | None,
) -> None:
    asked: list[Recipe] = []

    def run_stages(stages: object, recipe: Recipe, *given: Any, **more: Any) -> list[object]:
        asked.append(recipe)
        return []

    module = importlib.import_module("pintower.cli.build")  # the name is that of a function, too
    monkeypatch.setattr(module, "run_stages", run_stages)
    command = ["build", tiny_student, "--dataset", tmp_path, "--out", tmp_path / "out", *options]
    done = CliRunner().invoke(app, [str(item) for item in command], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert asked[0].export.pin_precision == wanted


def write_dataset(folder: Path, pins: int) -> Path:
    folder.mkdir(exist_ok=True)
    vector = [0.5, 1.0, -1.0, 0.0]
    rows = [
        {"pin_id": f"p{row}", "title": f"red shoes {row}", "graph_vector": vector}
        for row in range(pins)
    ]
    (folder / "pins.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return folder


def build(*arguments: object) -> Result:
    command = [str(item) for item in ("build", *arguments)]
    return CliRunner().invoke(app, command, catch_exceptions=False)


def test_a_dry_run_says_what_would_run_and_writes_nothing(
    tiny_student: Path, tmp_path: Path
) -> None:
    dataset, out = write_dataset(tmp_path / "dataset", 8), tmp_path / "out"
    student = Path(shutil.copytree(tiny_student, tmp_path / "student"))
    shutil.rmtree(student / "calibration")
    done = build(student, "--dataset", dataset, "--out", out, "--dry-run", "--json")
    stages = json.loads(done.stdout)["stages"]
    assert [item["stage"] for item in stages] == ["data", "export", "pins", "repository"]
    assert {item["state"] for item in stages} == {"runs"}
    assert [item["stage"] for item in stages if item["minutes"] is not None] == ["data"]
    assert not out.exists()
    assert not (student / "calibration").exists()


def test_a_student_with_nothing_to_calibrate_on_is_given_it_once(
    tiny_student: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    module = importlib.import_module("pintower.cli.build")
    run_stages, asked = module.run_stages, []

    def run_data(stages: list[Stage], *given: Any, **more: Any) -> object:
        """Run the data stage; the student is whole when the export would read it."""
        asked.append([stage.name for stage in stages])
        return run_stages(stages[:1], *given, **more)

    monkeypatch.setattr(module, "run_stages", run_data)
    student = Path(shutil.copytree(tiny_student, tmp_path / "student"))
    shutil.rmtree(student / "calibration")
    dataset, out = write_dataset(tmp_path / "dataset", 8), tmp_path / "out"
    with caplog.at_level("INFO", logger="pintower"):
        build(student, "--dataset", dataset, "--out", out)
    assert asked == [["data"], ["data", "export", "pins", "repository"]]
    assert f"{student} had no calibration/: it was drawn from this dataset" in caplog.text
    frozen = hash_files(student / "calibration")
    assert len(Calibration.load(load_student(student)).pins.texts) == 8
    build(student, "--dataset", write_dataset(dataset, 9), "--out", out)
    assert hash_files(student / "calibration") == frozen
