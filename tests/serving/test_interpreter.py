"""Which Python the server environment is made with."""

import os
import sys
from pathlib import Path

import pytest

from pintower.errors import SetupError
from pintower.serving import interpreter
from pintower.serving.interpreter import find_interpreter, require_interpreter

ELSEWHERE = "3.9"
"""A version this process does not run; its programs stand for Python 3.12 on another machine."""


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any Python, on a machine whose own has no wheels for the server."""
    monkeypatch.setattr(interpreter, "SERVER_PYTHONS", (ELSEWHERE,))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("PYENV_ROOT", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python3"))
    return tmp_path


def write_python(path: Path, version: str = ELSEWHERE) -> Path:
    """Write a program that answers as an interpreter of a version, with its library beside it."""
    program(path, f"echo {version}")
    library = path.parent.parent / "lib" / f"libpython{ELSEWHERE}.so.1.0"
    library.parent.mkdir(exist_ok=True)
    library.touch()
    return path


def program(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def test_an_interpreter_that_has_the_wheels_is_used_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "SERVER_PYTHONS", ("{}.{}".format(*sys.version_info),))
    assert find_interpreter(tmp_path) == Path(sys.executable)


@pytest.mark.parametrize(
    "place",
    [
        "bin/python3.9",
        ".pyenv/versions/3.9.18/bin/python3.9",
        ".local/share/uv/python/cpython-3.9.18-linux-x86_64-gnu/bin/python3.9",
        "cache/python/cpython-3.9.18-linux-x86_64-gnu/bin/python3.9",
    ],
)
def test_it_is_found_on_the_path_of_pyenv_and_of_uv(bare: Path, place: str) -> None:
    assert find_interpreter(bare / "cache") is None
    path = write_python(bare / place)
    assert find_interpreter(bare / "cache") == path


def test_one_that_does_not_start_or_is_another_is_passed_over(bare: Path) -> None:
    """Pyenv's shim of a version that is not chosen ends with an error."""
    broken = write_python(bare / "bin" / "python3.9")
    program(broken, "exit 127")
    write_python(bare / ".pyenv" / "versions" / "3.9.1" / "bin" / "python3.9", "3.14")
    good = write_python(bare / ".pyenv" / "versions" / "3.9.2" / "bin" / "python3.9")
    assert find_interpreter(bare / "cache") == good


def test_one_without_its_library_is_passed_over(bare: Path) -> None:
    """The python backend's stub loads it."""
    write_python(bare / "bin" / "python3.9")
    (bare / "lib" / "libpython3.9.so.1.0").unlink()
    assert find_interpreter(bare / "cache") is None


def test_uv_brings_one_where_there_is_none(bare: Path) -> None:
    folder = bare / "cache" / "python" / "cpython-3.9.18-x86_64"
    python = folder / "bin" / "python3.9"
    asked = bare / "asked"
    lines = [
        f'echo "$@" > {asked}',
        f"/bin/mkdir -p {folder}/bin {folder}/lib",
        f"printf '#!/bin/sh\necho 3.9\n' > {python}",
        f"/bin/chmod 755 {python}",
        f": > {folder}/lib/libpython3.9.so.1.0",
    ]
    program(bare / "bin" / "uv", "\n".join(lines))
    assert require_interpreter(bare / "cache") == python
    assert asked.read_text().split() == [
        "python", "install", "3.9", "--no-bin", "--install-dir", str(bare / "cache" / "python"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("uv", "why"), [(None, "there is no uv"), ("echo no network >&2; exit 2", "no network")]
)
def test_where_none_can_be_had_the_one_to_install_is_named(
    bare: Path, uv: str | None, why: str
) -> None:
    if uv is not None:
        program(bare / "bin" / "uv", uv)
    with pytest.raises(SetupError, match="needs Python 3.9") as raised:
        require_interpreter(bare / "cache")
    assert why in str(raised.value)
    assert "apt install python3.9 python3.9-venv" in str(raised.value)
    assert os.environ["PATH"] == str(bare / "bin")
