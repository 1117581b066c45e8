import json
from pathlib import Path

import pytest

from pintower.report.origin import Origin, describe_origin
from tests.report.conftest import bench_results, bench_row, change


def described(inputs: dict[str, Path]) -> Origin:
    release = json.loads((inputs["repository"] / "release.json").read_text())
    return describe_origin(inputs, release, bench_results(bench_row()))


def test_the_release_its_space_and_the_device_are_told(finished: dict[str, Path]) -> None:
    facts = dict(described(finished).facts)
    assert facts["Release"] == "3 for cpu-int8, Triton 24.10"
    assert facts["Space"] == "b0816409221c55b9"
    assert facts["Snapshot"] == "78e0c3b8cecaf668, 40 pins"
    assert facts["Device"] == "A processor, 2 cores, 8 GiB, no accelerator"
    assert facts["Commit"] == "e5fafd2a8177"


def test_only_files_that_are_there_are_listed(finished: dict[str, Path]) -> None:
    names = [name for name, _, _ in described(finished).files]
    assert "models/gates.json" in names
    assert "bench/latency.svg" not in names


def test_commands_name_the_work_folder_as_one_would_type_it(
    finished: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    workdir = finished["repository"].parent
    monkeypatch.chdir(workdir.parent)
    assert f"--workdir {workdir.name}" in described(finished).commands[0][1]
    monkeypatch.chdir(workdir / "data")
    assert str(workdir) not in str(described(finished).commands)


def test_an_installed_package_has_no_commit(finished: dict[str, Path]) -> None:
    change(finished["bench"] / "results.json", commit=None)
    release = json.loads((finished["repository"] / "release.json").read_text())
    bench = json.loads((finished["bench"] / "results.json").read_text())
    assert "Commit" not in dict(describe_origin(finished, release, bench).facts)
