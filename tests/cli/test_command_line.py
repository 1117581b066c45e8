import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.limits import file_limit


def pintower(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from pintower.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "no-such-recipe"], "No recipe 'no-such-recipe'"),
        (["run", "smoke", "--set", "labels.pair=3"], "labels.pair: unknown key"),
        (["run", "smoke", "--until", "pin"], "Unknown stage 'pin'"),
        (["run", "smoke", "--set", "data.path=nowhere"], "nowhere"),
        (["build", "nowhere", "--dataset", "d", "--out", "o"], "student folder nowhere"),
        (["build", "s", "--dataset", "d", "--out", "o", "--pin-precision", "bf17"], "'bf17' is no"),
        (["query", "shoes"], "artifacts/demo/pins is missing"),
        (["serve", "nowhere"], "no release.json"),
        (["check", "nowhere"], "nowhere"),
        (["run"], "needs a dataset: --set data.path=DIR"),
        (["run", "smoke", "--set", "export.target=gpu"], "Unknown target 'gpu'; allowed: cpu-"),
        (["serve", "nowhere", "--http-port", "99999"], "less than or equal to 65535"),
        (["student", "from-encoder", "no/where"], "encoder 'no/where' cannot be found"),
        (["student", "from-encoder", "./nosuchdir"], "There is no encoder folder ./nosuchdir"),
        (["student", "from-encoder"], "Missing argument"),
        (["student", "from-encoder", "x", "--pooling", "max"], "'max' is not one of"),
        (["run", "smoke", "--set", "student.method=encoder", "--from", "labels"], "no stage"),
        (["tune", "nowhere", "--p99-ms", "5", "--out", "o"], "it has no models/release.json"),
        (["tune", "nowhere", "--p99-ms", "0", "--out", "o"], "Invalid value"),
        (["container", "nowhere"], "no release.json"),
        (["frobnicate"], "No such command"),
    ],
)
def test_a_users_mistake_ends_in_one_message_and_exit_code_2(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = pintower(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_failed_run_leaves_no_folder_that_looks_complete(tmp_path: Path) -> None:
    pintower("run", "smoke", "--set", "teacher.encoder=no/where", cwd=tmp_path)
    done = sorted(path.parent.name for path in (tmp_path / "artifacts").rglob("manifest.json"))
    assert done == ["data"]


def test_a_full_disk_is_told_in_one_message_and_the_rerun_is_right(tmp_path: Path) -> None:
    ask = ("run", "smoke", "--until", "data")
    with file_limit(4_000):
        done = pintower(*ask, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "The disk is full at " in done.stderr
    assert "the data stage needs more than" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "artifacts").rglob("*.parquet"))
    assert pintower(*ask, cwd=tmp_path).returncode == 0
    assert (tmp_path / "artifacts" / "smoke" / "data" / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("how", "code", "told"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_an_interrupt_says_that_the_same_command_goes_on(
    tmp_path: Path, how: signal.Signals, code: int, told: str
) -> None:
    command = [sys.executable, "-c", "from pintower.cli import main; main()", "run", "smoke"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        seen = next(line for line in running.stderr if "teacher: running" in line)
        running.send_signal(how)
        said = seen + running.stderr.read()
    assert running.returncode == code
    assert f"{told}; run the same command again to go on" in said
    assert "Traceback" not in said


def test_a_path_that_is_not_utf8_is_refused_at_once(tmp_path: Path) -> None:
    folder = os.fsdecode(b"caf\xe9")
    done = pintower("run", "smoke", "--until", "data", "--workdir", folder, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert r"caf\udce9' has bytes that are not UTF-8" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_that_knows_few_letters_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = pintower("doctor", cwd=tmp_path)
    assert r"\u2713" in done.stdout  # a tick
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("imported", ["typer", "pydantic"])
def test_an_interrupt_while_it_starts_is_no_traceback(tmp_path: Path, imported: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "pintower", "run", "smoke"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert any(line.split()[-1].split(".")[0] == imported for line in running.stderr)
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
    assert running.returncode == 130
    assert "error: interrupted" in said
    assert "Traceback" not in said


def test_the_command_line_imports_neither_torch_nor_a_stage() -> None:
    asked = "import sys, pintower.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    heavy = {"torch", "transformers", "onnx", "lance", "pintower.repository.stage"}
    assert not heavy & modules


def test_doctor_answers_in_json(tmp_path: Path) -> None:
    done = pintower("doctor", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    checks = {item["name"]: item for item in told["checks"]}
    assert checks["torch"]["ok"]
    releases = {item["name"]: item for item in told["triton"]}
    assert releases["26.11"]["onnxruntime"] == "1.27.0"
    assert len(releases["26.11"]["faults"]) < len(releases["24.10"]["faults"])
    assert "Traceback" not in done.stderr


def test_show_prints_every_key_of_a_recipe_and_runs_nothing(tmp_path: Path) -> None:
    done = pintower("run", "smoke", "--show", "--set", "labels.pairs=7", cwd=tmp_path)
    recipe = json.loads(done.stdout)
    assert recipe["labels"]["pairs"] == 7
    assert recipe["teacher"]["batch_size"] > 0
    assert list(tmp_path.iterdir()) == []


def test_version_is_printed(tmp_path: Path) -> None:
    assert pintower("--version", cwd=tmp_path).stdout.startswith("pintower 0.")
