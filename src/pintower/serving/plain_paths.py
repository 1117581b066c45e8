"""Paths that tritonserver can take, whatever a user's folders are called.

Triton's python backend (24.10) puts paths into a shell's command without quotes, where a blank
parts them and ``$(...)`` is run, and its Python takes paths of ASCII characters alone. A folder
whose path holds anything else is given to the server by a link in the folder of its shared memory,
named like it, which is removed with it. What it runs of the user's own Python has to be found by
such paths too.
"""

import os
import re
from dataclasses import replace
from pathlib import Path

from pintower.serving.environment import ServerEnvironment
from pintower.serving.inspection import SHARED_MEMORY
from pintower.serving.layout import read_layout

__all__ = ["plain_environment", "plain_path"]

_PLAIN = re.compile(r"[A-Za-z0-9/_.,:=@%+-]+")


def plain_path(folder: Path, prefix: str, name: str) -> Path:
    """Return a folder's path, or that of a link to it that is made for one server.

    Args:
        folder: absolute.
        prefix: of the names of the server's shared memory.
        name: what the folder is, for the link's name.
    """
    if _is_plain(folder):
        return folder
    link = SHARED_MEMORY / f"{prefix}{name}"
    link.symlink_to(folder)
    return link


def plain_environment(environment: ServerEnvironment, prefix: str) -> ServerEnvironment:
    """Return an environment with the same files by paths that a server can take.

    Args:
        environment: any.
        prefix: of the names of the server's shared memory.
    """
    places = {
        environment.folder: _plain_venv(environment.folder, prefix),
        environment.backend_directory: plain_path(
            environment.backend_directory, prefix, "backends"
        ),
    }

    def plain(path: Path) -> Path:
        for folder, place in places.items():
            if path.is_relative_to(folder):
                return place / path.relative_to(folder)
        return path

    libraries = environment.library_path.split(os.pathsep)
    return replace(
        environment,
        folder=plain(environment.folder),
        tritonserver=plain(environment.tritonserver),
        library_path=os.pathsep.join(str(plain(Path(item))) for item in libraries if item),
        backend_directory=plain(environment.backend_directory),
        cache_directory=plain(environment.cache_directory),
    )


def _plain_venv(folder: Path, prefix: str) -> Path:
    """Return a venv's path, or that of another one with its packages if it is not plain.

    Its ``pyvenv.cfg``, which says where the interpreter's own library lies, has to be ASCII too.
    """
    stated = folder / "pyvenv.cfg"
    if _is_plain(folder) and (not stated.is_file() or stated.read_bytes().isascii()):
        return folder
    base = read_layout(folder).interpreter_library.parent
    interpreter = plain_path(base, prefix, "interpreter")
    venv = SHARED_MEMORY / f"{prefix}environment"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python3").symlink_to(folder / "bin" / "python")
    (venv / "lib").symlink_to(folder / "lib")
    (venv / "pyvenv.cfg").write_text(f"home = {interpreter / 'bin'}\n", "ascii")
    return venv


def _is_plain(path: Path) -> bool:
    return _PLAIN.fullmatch(str(path)) is not None
