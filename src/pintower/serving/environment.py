"""The environment the local Triton server runs in: found, installed, checked.

It is a venv of its own (see ``triton_models/requirements-local*.txt``) in the user's cache folder,
named after its requirements, or the folder that ``PINTOWER_TRITON_ENV`` names. A folder that the
user brings is checked and used as it is; an absent or empty one is installed into.

The server in it is always that of release 24.10, the newest on PyPI. The ONNX Runtime in its
stand-in backend is that of the Triton release that is asked for; each has an environment.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from pintower.errors import SetupError
from pintower.serving.inspection import (
    Check,
    inspect_interpreter,
    inspect_layout,
    inspect_machine,
)
from pintower.serving.installation import environment_key, install, is_incomplete
from pintower.serving.interpreter import find_interpreter
from pintower.serving.layout import read_layout
from pintower.serving.preparation import prepare
from pintower.triton_releases import LOCAL, TritonRelease, load_triton_release

__all__ = [
    "ENVIRONMENT_VARIABLE",
    "Check",
    "ServerEnvironment",
    "describe_backend",
    "ensure_environment",
    "environment_folder",
    "find_environment",
    "inspect_environment",
]

ENVIRONMENT_VARIABLE = "PINTOWER_TRITON_ENV"


@dataclass(frozen=True)
class ServerEnvironment:
    """A checked environment and the paths a server is started with.

    Attributes:
        folder: the venv.
        python: its interpreter.
        tritonserver: the server's binary.
        library_path: value for ``LD_LIBRARY_PATH`` of the server.
        backend_directory: holds the python backend and the strict onnxruntime backend.
        cache_directory: holds the local response cache.
        perf_analyzer: the load generator, None if the environment has none.
        perf_library_path: value for ``LD_LIBRARY_PATH`` of the load generator.
    """

    folder: Path
    python: Path
    tritonserver: Path
    library_path: str
    backend_directory: Path
    cache_directory: Path
    perf_analyzer: Path | None
    perf_library_path: str

    def server_variables(self) -> dict[str, str]:
        """Return the environment variables of a server process.

        The venv's ``bin`` comes first in ``PATH`` because the stub finds its packages that way.
        """
        variables = _clean_variables()
        variables["PATH"] = f"{self.folder / 'bin'}{os.pathsep}{variables.get('PATH', '')}"
        variables["LD_LIBRARY_PATH"] = self.library_path
        return variables

    def perf_variables(self) -> dict[str, str]:
        """Return the environment variables of a perf_analyzer process."""
        return _clean_variables() | {"LD_LIBRARY_PATH": self.perf_library_path}


def environment_folder(triton: TritonRelease | None = None) -> Path:
    """Return the folder of the server environment, whether or not it exists.

    Args:
        triton: the release whose ONNX Runtime is in it; None takes the server's own.
    """
    given = os.environ.get(ENVIRONMENT_VARIABLE)
    if given:
        return Path(given).expanduser().resolve()
    return _cache() / f"triton-{environment_key(_or_local(triton).onnxruntime)}"


def find_environment(
    triton: TritonRelease | None = None, *, any_onnxruntime: bool = False
) -> ServerEnvironment | None:
    """Return the environment if it is installed, None if it is absent or unfinished.

    Args:
        triton: the release whose ONNX Runtime is in it; None takes the server's own.
        any_onnxruntime: take another ONNX Runtime than that release of Triton has; nothing that
            is measured there is a gate's.

    Raises:
        SetupError: if a folder is there but not fit; the message says why and what to do.
    """
    release = _or_local(triton)
    folder = environment_folder(release)
    if is_incomplete(folder):
        return None
    layout = read_layout(folder)
    checks = [
        check
        for check in inspect_layout(layout, release)
        if not (any_onnxruntime and check.name == "onnxruntime")
    ]
    wrong = [check for check in checks if check.required and not check.ok]
    if wrong:
        lines = "\n".join(f"  {check.name}: {check.detail}. {check.remedy}" for check in wrong)
        raise SetupError(
            f"The Triton server environment {folder} cannot be used:\n{lines}\n"
            f"Fix or remove it; without {ENVIRONMENT_VARIABLE} pintower installs one of its own."
        )
    prepared = prepare(layout, _cache())
    has_perf = all(check.ok for check in checks)
    return ServerEnvironment(
        folder=folder,
        python=layout.python,
        tritonserver=layout.tritonserver,
        library_path=f"{layout.libraries}{os.pathsep}{prepared / 'libraries'}",
        backend_directory=prepared / "backends",
        cache_directory=layout.caches,
        perf_analyzer=layout.perf_analyzer if has_perf else None,
        perf_library_path=str(prepared / "perf_libraries"),
    )


def ensure_environment(
    triton: TritonRelease | None = None,
    *,
    install_anywhere: bool = False,
    any_onnxruntime: bool = False,
) -> ServerEnvironment:
    """Return the environment, installing it first where it is missing (about 15 s, 350 MB).

    Args:
        triton: the release whose ONNX Runtime is in it; None takes the server's own.
        install_anywhere: install into a folder that the environment variable names, too; else a
            folder given that way has to be an environment already.
        any_onnxruntime: as :func:`find_environment` takes it.

    Raises:
        SetupError: if it cannot be installed, or a folder is there but not fit.
    """
    release = _or_local(triton)
    found = find_environment(release, any_onnxruntime=any_onnxruntime)
    if found is not None:
        return found
    folder = environment_folder(release)
    if os.environ.get(ENVIRONMENT_VARIABLE) and not install_anywhere:
        raise SetupError(
            f"{ENVIRONMENT_VARIABLE} names {folder}, which is no server environment. Correct or "
            "unset it, or install one there with `pintower doctor --install`."
        )
    install(folder, release.onnxruntime, _cache())
    found = find_environment(release)
    if found is None:
        raise SetupError(f"The Triton server environment {folder} vanished while it was installed.")
    return found


def describe_backend(environment: ServerEnvironment) -> str:
    """Return in words what a local server is, for whoever reads what was measured on it."""
    version = read_layout(environment.folder).onnxruntime_version
    return (
        f"local Triton server {LOCAL} with ONNX Runtime {version} in pintower's python-based "
        "onnxruntime backend"
    )


def inspect_environment(
    triton: TritonRelease | None = None, *, ports: tuple[int, ...] = (8000, 8001, 8002)
) -> list[Check]:
    """Check the environment and the machine, without changing or raising anything.

    Args:
        triton: the release whose ONNX Runtime is in it; None takes the server's own.
        ports: the ports a server would listen on.
    """
    release = _or_local(triton)
    folder = environment_folder(release)
    if is_incomplete(folder):
        remedy = "pintower installs it when a server is first started (about 350 MB)."
        missing = Check("server environment", False, f"{folder} is not installed", remedy)
        python = inspect_interpreter(find_interpreter(_cache()))
        return [missing, python, *inspect_machine(ports)]
    present = Check("server environment", True, str(folder))
    return [present, *inspect_layout(read_layout(folder), release), *inspect_machine(ports)]


def _or_local(triton: TritonRelease | None) -> TritonRelease:
    return load_triton_release(LOCAL) if triton is None else triton


def _cache() -> Path:
    folder = Path(platformdirs.user_cache_dir("pintower"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _clean_variables() -> dict[str, str]:
    """Return this process's variables without those that would lead to its own Python."""
    own = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LD_PRELOAD")
    return {key: value for key, value in os.environ.items() if key not in own}
