"""What ``pintower build`` makes of its options; the build itself is in ``test_end_to_end.py``."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pintower.cli import app
from pintower.config import Recipe


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
