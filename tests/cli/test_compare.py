import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.test_comparison import DEVICE, bench_result


def pintower(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from pintower.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A result, the same again on a slower machine, noisy, slowed, on another device."""
    made = {
        "before": bench_result(1),
        "same": bench_result(2, machine=1.3),
        "noisy": bench_result(2, scatter=0.2),
        "slower": bench_result(3, slowed=1.15),
        "elsewhere": {**bench_result(4), "device": {**DEVICE, "cores": 64}},
    }
    for name, result in made.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(result))
    return tmp_path


def test_nothing_changed_ends_well_and_says_that_the_machine_was_slower(results: Path) -> None:
    done = pintower("bench", "compare", "before.json", "same.json", cwd=results)
    said = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stderr
    assert "commit 0123456789ab" in said
    assert "The peers, for scale: rival" in said
    assert "the machine was slower by more than the bound" in said
    assert "regression" not in said


def test_too_much_noise_to_see_the_bound_is_said(results: Path) -> None:
    """Exit code 0 of a comparison that could have found nothing must not pass for a proof."""
    done = pintower("bench", "compare", "before.json", "noisy.json", cwd=results)
    assert done.returncode == 0
    assert "5 of 5 figures of pintower could not have told a worsening of 5.0%" in done.stdout


def test_a_regression_beyond_the_bound_ends_with_exit_code_1(results: Path) -> None:
    done = pintower("bench", "compare", "before.json", "slower.json", cwd=results)
    assert done.returncode == 1
    assert done.stdout.count("regression") == 5
    assert "could not have told" not in done.stdout
    assert "5 of 5 figures of pintower are worse by more than 5.0%" in done.stderr
    assert "log, 4 in flight, 100 pins: requests/s -" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_bound_and_the_system_are_the_callers(results: Path) -> None:
    compare = ("bench", "compare", "before.json", "slower.json")
    for options in (["--bound", "0.4"], ["--system", "rival"]):
        assert pintower(*compare, *options, cwd=results).returncode == 0


def test_json_is_one_document_whatever_the_verdict(results: Path) -> None:
    for name, regressions in (("same", 0), ("slower", 5)):
        done = pintower("bench", "compare", "before.json", f"{name}.json", "--json", cwd=results)
        document = json.loads(done.stdout)
        assert len(document["regressions"]) == regressions
        assert len(document["changes"]) == 7
        assert document["bound"] == 0.05


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compare", "before.json", "elsewhere.json"], "different devices"),
        (["compare", "before.json", "nowhere.json"], "does not exist"),
        (["compare", "before.json"], "Missing argument"),
        (["--json", "compare", "before.json", "same.json"], "stand before `compare`"),
        (["--requests", "3", "--workdir", "nowhere"], "nowhere/data is missing"),
        (["--requests", "0"], "Invalid value"),
    ],
)
def test_a_mistake_ends_in_one_message_and_exit_code_2(
    results: Path, arguments: list[str], said: str
) -> None:
    done = pintower("bench", *arguments, cwd=results)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_help_names_the_measurements_options_and_the_command(tmp_path: Path) -> None:
    shown = pintower("bench", "--help", cwd=tmp_path).stdout
    assert "--concurrency" in shown
    assert "compare" in shown
