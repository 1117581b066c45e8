"""``make`` on a system whose Python does not fit."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def program(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def python(path: Path, version: str) -> None:
    """Write a program that answers what ``make`` asks of a Python as one of a version would."""
    fits = 0 if version in ("3.11", "3.12", "3.13") else 1
    program(path, f"case $1 in -V) echo Python {version};; -c) exit {fits};; *) echo $0 $@;; esac")


def make(folder: Path, *goals: str) -> subprocess.CompletedProcess[str]:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("sh", "test", "make"):
        found = shutil.which(name)
        assert found is not None
        (folder / "bin" / name).symlink_to(found)
    return subprocess.run(
        ["make", *goals],
        cwd=folder,
        env={"PATH": str(folder / "bin"), "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("version", ["3.10", "3.14"])
def test_a_python_that_does_not_fit_is_told_with_the_one_to_install(
    tmp_path: Path, version: str
) -> None:
    python(tmp_path / "bin" / "python3", version)
    done = make(tmp_path, "install")
    assert done.returncode == 2
    assert "pintower needs Python 3.11, 3.12 or 3.13, and there is none" in done.stdout
    assert f"python3 here is Python {version} (3.14 and later are not tested" in done.stdout
    assert "apt install python3.12 python3.12-venv" in done.stdout


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_a_fitting_python_is_found_where_python3_is_another(tmp_path: Path, version: str) -> None:
    python(tmp_path / "bin" / "python3", "3.14")
    fitting = tmp_path / "bin" / f"python{version}"
    python(fitting, version)
    done = make(tmp_path, "--dry-run", "install")
    assert f"{fitting} -m venv .venv" in done.stdout
