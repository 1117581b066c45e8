"""What ``pintower run`` says before its long stages."""

import importlib
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pintower.cli import app
from pintower.config import Recipe
from pintower.errors import PintowerError
from pintower.estimates.pace import Pace, Training
from pintower.pipeline import Outcome, run_stages
from pintower.stages import STAGES

PACE = Pace(0.01, 0.02, 0.04, 0.05, Training(0.5, 1.0), {"projections": Training(0.1, 1.0)})


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A run of thirty queries with four judged pins each, on a machine of known pace."""
    monkeypatch.setattr("pintower.estimates.pace.measure_pace", lambda recipe, data: PACE)
    dataset = tmp_path / "dataset"
    dataset.mkdir()
    pins = [{"pin_id": f"p{number}", "title": f"red shoes {number}"} for number in range(4)]
    (dataset / "pins.jsonl").write_text("\n".join(map(json.dumps, pins)))
    rows = [f"shoes {at}\tp{pin}\t{1 + pin}" for at in range(30) for pin in range(4)]
    (dataset / "judgments.tsv").write_text("\n".join(["query\tpin_id\tlevel", *rows]))
    recipe = tmp_path / "test.toml"
    recipe.write_text(
        f'name = "test"\nencoder = "named"\n[data]\npath = "{dataset}"\n'
        '[student]\ndepths = ["projections"]\n'
    )
    return ["run", str(recipe), "--workdir", str(tmp_path / "work")]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_a_first_run_is_told_in_minutes_and_nothing_is_made(
    command: list[str], tmp_path: Path
) -> None:
    told = json.loads(invoke(*command, "--dry-run", "--json").stdout)
    stages = {item["stage"]: item for item in told["stages"]}
    assert stages["labels"]["minutes"] == 0.0
    for name in ("teacher", "student", "evaluation", "export", "pins"):
        assert 0 < stages[name]["minutes"] <= stages[name]["most"], name
    assert stages["repository"]["minutes"] is None
    assert not (tmp_path / "work").exists()
    shown = invoke(*command, "--dry-run").stdout
    assert "minutes, as measured on this machine; the more if the teacher labels" in shown
    assert "unknown for repository, bench, report" in shown


def test_a_run_says_it_before_the_long_stages(
    command: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def only_data(
        stages: object, recipe: Recipe, workdir: Path, *, begun: Any, **more: Any
    ) -> list[Outcome]:
        return run_stages(STAGES[:1], recipe, workdir, begun=begun)

    module = importlib.import_module("pintower.cli.run")  # the name is that of a function, too
    monkeypatch.setattr(module, "run_stages", only_data)
    caplog.set_level(logging.INFO, "pintower")
    assert invoke(*command).exit_code == 0
    said = "\n".join(caplog.messages)
    assert "judgments: 120 of 30 queries" in said
    assert (
        said.index("judgments: ") < said.index("About ") < said.index("minutes by stage: teacher")
    )


def test_an_encoder_that_is_nowhere_is_refused_in_one_line(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(PintowerError, match="The encoder 'named' cannot be found"):
        invoke(*command, "--dry-run")
