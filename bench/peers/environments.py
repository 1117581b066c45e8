"""The competitors' Python environments: given, or installed into the cache folder from pins."""

import json
import logging
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from pintower.artifacts import hash_file, hash_json
from pintower.errors import InputError, SetupError
from pintower.serving.environment import ensure_environment

__all__ = ["ENVIRONMENTS", "SERVER", "PeerEnvironment", "cache_folder", "open_environment"]

logger = logging.getLogger("pintower.bench.peers")

SERVER = "server"
"""The Triton server's own environment, with the target's ONNX Runtime."""

ENVIRONMENTS = ("sentence", "fastembed", "infinity", SERVER)
INCOMPLETE = ".incomplete"
PACKAGES = (
    "torch", "transformers", "sentence-transformers", "optimum", "optimum-onnx", "optimum-intel",
    "openvino", "nncf", "ctranslate2", "fastembed", "infinity-emb", "fastapi", "uvicorn",
    "onnx", "onnxruntime", "tokenizers", "numpy",
)  # fmt: skip
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS",
     "TORCHINDUCTOR_COMPILE_THREADS"),
    "1",
)  # fmt: skip
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "NNCF_CI": "1"}
OWN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LD_PRELOAD")


@dataclass(frozen=True)
class PeerEnvironment:
    """A Python environment.

    Attributes:
        python: its interpreter.
        versions: of the packages that decide on speed.
    """

    python: Path
    versions: Mapping[str, str]

    def command(self, module: str, *arguments: str) -> list[str]:
        """Return the command that runs a module of ``peers`` in this environment."""
        return [str(self.python), "-s", "-m", f"peers.{module}", *arguments]

    @staticmethod
    def variables() -> dict[str, str]:
        """Return the variables of a process: one thread, no network, none of this Python's own."""
        kept = {key: value for key, value in os.environ.items() if key not in OWN}
        return kept | ONE_THREAD | OFFLINE | {"TOKENIZERS_PARALLELISM": "false"}


def cache_folder() -> Path:
    """Return the folder where environments and prepared graphs are kept."""
    return Path(platformdirs.user_cache_dir("pintower")) / "peers"


def open_environment(key: str, given: Mapping[str, Path]) -> PeerEnvironment:
    """Return an environment, installing it first where it is missing.

    Args:
        key: one of :data:`ENVIRONMENTS`.
        given: venvs to use as they are.

    Raises:
        InputError: if a given folder is no venv.
        SetupError: if it cannot be installed or does not run.
    """
    if key in given:
        python = given[key] / "bin" / "python"
        if not python.is_file():
            raise InputError(f"--peers-env {key}={given[key]} is no venv: it has no bin/python.")
    elif key == SERVER:
        python = ensure_environment().python
    else:
        python = _installed(key) / "bin" / "python"
    return PeerEnvironment(python, _versions(python))


def _installed(key: str) -> Path:
    requirements = Path(__file__).parent / f"requirements-{key}.txt"
    pins = {"file": hash_file(requirements), "python": sys.version_info[:2]}
    folder = cache_folder() / f"{key}-{hash_json(pins)[:12]}"
    if folder.is_dir() and not (folder / INCOMPLETE).exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / INCOMPLETE).touch()
    logger.info("Installing %s into %s.", requirements.name, folder)
    venv.EnvBuilder(with_pip=True, symlinks=True).create(folder)
    pip = [str(folder / "bin" / "python"), "-I", "-m", "pip", "install", "--quiet", "--no-input"]
    done = subprocess.run(
        [*pip, "-r", str(requirements)], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
        raise SetupError(
            f"Installing {requirements.name} failed: {' '.join(errors[-2:])} Check the network or "
            f"the package index, or name a venv with --peers-env {key}=VENV."
        )
    (folder / INCOMPLETE).unlink()
    return folder


def _versions(python: Path) -> dict[str, str]:
    code = (
        "import importlib.metadata as m, json, platform, sys\n"
        "found = {'python': platform.python_version()}\n"
        "for name in sys.argv[1:]:\n"
        "    try: found[name] = m.version(name)\n"
        "    except m.PackageNotFoundError: pass\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run(
        [str(python), "-I", "-c", code, *PACKAGES], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SetupError(f"{python} does not run: {done.stderr.strip()[-300:]}")
    versions: dict[str, str] = json.loads(done.stdout)
    return versions
