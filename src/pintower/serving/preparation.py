"""Puts a server's files together in the shape that tritonserver wants.

``nvidia-pytriton`` keeps the stub of each Python version away from the python backend, and
perf_analyzer looks for libraries under their plain names. The prepared folder holds

    backends/python/        the backend's library, its module and the stub (copies: the server
                            refuses links that lead out of the folder)
    backends/onnxruntime/   pintower's strict backend
    libraries/              links to libpython, where the interpreter brings its own
    perf_libraries/         links that perf_analyzer needs

and its name carries a hash of all that went in, so it is never changed once it exists.
"""

import os
import shutil
from pathlib import Path

from pintower.artifacts import hash_file, hash_json
from pintower.assets import asset
from pintower.serving.layout import Layout

__all__ = ["prepare"]

PERF_LIBRARIES = {"libb64": "libb64.so.0d", "libcudart": "libcudart.so.12"}


def prepare(layout: Layout, parent: Path) -> Path:
    """Return the prepared folder of an environment, made below ``parent`` when it is missing.

    Args:
        layout: a complete environment.
        parent: a folder this user may write to.
    """
    strict = asset("triton_models", "backends", "onnxruntime")
    sources = {path.name: path for path in strict.glob("*.py")}
    stamp = layout.stub.stat()
    key = hash_json(
        {
            "environment": str(layout.folder),
            "stub": [stamp.st_size, stamp.st_mtime_ns],
            "backend": {name: hash_file(path) for name, path in sources.items()},
        }
    )
    folder = parent / f"server-{key[:12]}"
    if folder.is_dir():
        return folder
    temporary = parent / f".{folder.name}.{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    _copy_backends(layout, sources, temporary / "backends")
    _link_libraries(layout, temporary)
    try:
        temporary.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        shutil.rmtree(temporary)  # another process was faster
    return folder


def _copy_backends(layout: Layout, sources: dict[str, Path], target: Path) -> None:
    python = target / "python"
    python.mkdir(parents=True)
    for name in ("libtriton_python.so", "triton_python_backend_utils.py"):
        shutil.copy2(layout.python_backend / name, python / name)
    shutil.copy2(layout.stub, python / layout.stub.name)
    (python / layout.stub.name).chmod(0o755)
    strict = target / "onnxruntime"
    strict.mkdir()
    for name, path in sources.items():
        shutil.copyfile(path, strict / name)


def _link_libraries(layout: Layout, target: Path) -> None:
    libraries = target / "libraries"
    libraries.mkdir()
    own = layout.interpreter_library / layout.libpython_name
    if own.is_file():
        (libraries / own.name).symlink_to(own)
    perf = target / "perf_libraries"
    perf.mkdir()
    for prefix, name in PERF_LIBRARIES.items():
        library = layout.library(prefix)
        if library is not None:
            (perf / name).symlink_to(library)
