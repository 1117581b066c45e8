"""Installs the server environment: a venv of its own, because its numpy and onnxruntime are older.

An installation is complete or visibly incomplete: the file ``INCOMPLETE`` is the first thing
written into the folder and the last one removed, and a lock keeps a second process waiting.
"""

import fcntl
import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pintower.artifacts import hash_file, hash_json
from pintower.assets import asset
from pintower.errors import SetupError
from pintower.serving.interpreter import require_interpreter

__all__ = ["environment_key", "install", "is_incomplete"]

logger = logging.getLogger(__name__)

INCOMPLETE = ".pintower-incomplete"
REQUIREMENTS = ("requirements.txt", "requirements-local.txt", "requirements-local-nodeps.txt")


def environment_key(onnxruntime: str) -> str:
    """Return a short hash over the requirements, an ONNX Runtime's version and Python's."""
    files = {name: hash_file(asset("triton_models", name)) for name in REQUIREMENTS}
    parts = {"files": files, "onnxruntime": onnxruntime, "python": sys.version_info[:2]}
    return hash_json(parts)[:12]


def is_incomplete(folder: Path) -> bool:
    """Say whether ``folder`` is absent, empty, or what an interrupted installation left."""
    return (folder / INCOMPLETE).exists() or not folder.is_dir() or not any(folder.iterdir())


def install(folder: Path, onnxruntime: str, cache: Path) -> None:
    """Install the environment into ``folder`` unless another process just did.

    Args:
        folder: where to install it.
        onnxruntime: version of the ONNX Runtime in it.
        cache: pintower's own folder, where a Python that has to be downloaded is kept.

    Raises:
        SetupError: if there is no Python for it, the venv cannot be made or pip fails; pip's last
            lines are in the message.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder.with_name(f".{folder.name}.lock")):
        if not is_incomplete(folder):
            return
        if folder.exists():
            logger.info("Removing an unfinished installation in %s.", folder)
            shutil.rmtree(folder)
        started = time.monotonic()
        logger.info(
            "Installing the Triton server environment in %s with ONNX Runtime %s (about 350 MB).",
            folder, onnxruntime,
        )  # fmt: skip
        folder.mkdir()
        (folder / INCOMPLETE).touch()
        _make_venv(folder, cache)
        _pip(folder, "-r", str(asset("triton_models", "requirements-local.txt")))
        alone = str(asset("triton_models", REQUIREMENTS[-1]))
        _pip(folder, "--no-deps", "-r", alone, f"onnxruntime=={onnxruntime}")
        _keep_repositories_clean(folder)
        (folder / INCOMPLETE).unlink()
        logger.info("Server environment ready after %.0f s.", time.monotonic() - started)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; the system lets go of it even if the process is killed."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("Another process is installing the server environment; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make_venv(folder: Path, cache: Path) -> None:
    python = require_interpreter(cache)
    done = subprocess.run(
        [str(python), "-I", "-m", "venv", "--symlinks", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = " ".join((done.stderr or done.stdout).split())[-300:]
        raise SetupError(
            f"{python} could not make a venv in {folder}: {last} On Debian and Ubuntu install its "
            "-venv package."
        )


def _keep_repositories_clean(folder: Path) -> None:
    """Keep the server's Python from writing ``__pycache__`` into the repositories it serves.

    The python backend's stub ignores ``PYTHONDONTWRITEBYTECODE`` but reads ``.pth`` files.
    """
    (packages,) = folder.glob("lib/python3.*/site-packages")
    line = "import sys; sys.dont_write_bytecode = True\n"
    (packages / "pintower_no_bytecode.pth").write_text(line, encoding="utf-8")


def _pip(folder: Path, *arguments: str) -> None:
    """Run pip of the environment from a folder that holds no package names."""
    command = [str(folder / "bin" / "python"), "-I", "-m", "pip", "install", "--quiet"]
    command += ["--no-input", "--disable-pip-version-check", *arguments]
    done = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    for line in done.stdout.splitlines():
        logger.debug("pip: %s", line)
    if done.returncode != 0:
        last = "\n".join(line for line in done.stdout.splitlines() if "ERROR" in line)
        raise SetupError(
            f"Installing the Triton server environment failed (pip ended with {done.returncode}):\n"
            f"{last or done.stdout[-2000:]}\n"
            "Check the network or the package index, or point PINTOWER_TRITON_ENV at an "
            "environment that is already installed."
        )
