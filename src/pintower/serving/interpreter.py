"""The Python that the server environment is made with.

numpy below 2 and ONNX Runtime 1.19.2, which the server of Triton 24.10 needs, have no wheels for
Python 3.13 and later, though its stub has one. There the environment gets a Python 3.12 or 3.11 of
the machine, or else one that uv downloads.
"""

import ctypes.util
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pintower.errors import SetupError

__all__ = ["SERVER_PYTHONS", "find_interpreter", "require_interpreter"]

logger = logging.getLogger(__name__)

SERVER_PYTHONS = ("3.12", "3.11")
"""Versions for which everything in the server environment has a wheel, the preferred first."""

_PROBE = "import ensurepip, venv, sys; print('{}.{}'.format(*sys.version_info))"


def find_interpreter(cache: Path) -> Path | None:
    """Return a Python for the server environment, None if this machine has none.

    Args:
        cache: pintower's own folder, where uv's would lie.
    """
    own = "{}.{}".format(*sys.version_info)
    if own in SERVER_PYTHONS:
        return Path(sys.executable)
    for version in SERVER_PYTHONS:
        for path in _candidates(version, cache):
            if _is_usable(path, version):
                return path
    return None


def require_interpreter(cache: Path) -> Path:
    """Return a Python for the server environment, downloading one where the machine has none.

    Raises:
        SetupError: if there is none and uv cannot bring one.
    """
    if (found := find_interpreter(cache)) is not None:
        return found
    _download(SERVER_PYTHONS[0], cache)
    found = find_interpreter(cache)
    if found is None:
        raise SetupError(_missing(f"uv left none in {cache / 'python'}"))
    return found


def _candidates(version: str, cache: Path) -> Iterator[Path]:
    """Yield where a Python of a version may lie: on the path, of pyenv, of uv."""
    name = f"python{version}"
    if (found := shutil.which(name)) is not None:
        yield Path(found)
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/{name}"))
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    for folder in (data / "uv" / "python", cache / "python"):
        yield from sorted(folder.glob(f"cpython-{version}*/bin/{name}"))


def _is_usable(path: Path, version: str) -> bool:
    """Say whether an interpreter starts, is of a version, can make a venv and has a library.

    The python backend's stub loads ``libpython``, which an interpreter may be built without.
    """
    name = f"libpython{version}.so.1.0"
    own = path.resolve().parent.parent / "lib" / name
    if not own.is_file() and ctypes.util.find_library(f"python{version}") != name:
        return False
    try:
        done = subprocess.run(
            [str(path), "-I", "-c", _PROBE], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.strip() == version


def _download(version: str, cache: Path) -> None:
    """Have uv put a Python below the cache."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    uv = shutil.which("uv", path=path)
    if uv is None:
        raise SetupError(_missing("there is no uv to download one"))
    logger.info("Downloading Python %s for the server environment with uv.", version)
    folder = cache / "python"
    done = subprocess.run(
        [uv, "python", "install", version, "--no-bin", "--install-dir", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = " ".join(done.stderr.split())[-300:]
        raise SetupError(_missing(f"uv could not download one: {last}"))


def _missing(why: str) -> str:
    own = "{}.{}".format(*sys.version_info)
    wanted = " or ".join(SERVER_PYTHONS)
    return (
        f"The Triton server environment needs Python {wanted} (for {own} there are no wheels of "
        f"numpy below 2 and ONNX Runtime 1.19.2), and this machine has none: {why}. Install one "
        f"(`apt install python{SERVER_PYTHONS[0]} python{SERVER_PYTHONS[0]}-venv`, pyenv, or `uv "
        f"python install {SERVER_PYTHONS[0]}`); it is found on the path, in pyenv's folder and in "
        "uv's."
    )
