"""Student folders as commands take and make them."""

from pathlib import Path
from typing import Annotated

import typer

from pintower.artifacts import read_manifest
from pintower.errors import InputError

__all__ = ["Replace", "require_free", "student_folder"]

Replace = Annotated[
    bool, typer.Option("--replace", help="Replace a student that was made otherwise.")
]


def require_free(folder: Path, key: str, replace: bool) -> None:
    """Refuse to put a student in the place of one that was made otherwise.

    Raises:
        InputError: naming the folder.
    """
    manifest = read_manifest(folder)
    if manifest is not None and manifest.key != key and not replace:
        raise InputError(
            f"{folder} holds a student that was made with another dataset or other options. Give "
            "another --out, or --replace."
        )


def student_folder(workdir: Path, given: Path | None) -> Path:
    """Return the student folder that was given, or that of a run's work folder.

    Raises:
        InputError: if none was given and the work folder holds none.
    """
    if given is not None:
        return given
    if not workdir.is_dir():
        raise InputError(f"There is no work folder {workdir}.")
    folder = workdir / "student"
    if not folder.is_dir():
        raise InputError(
            f"{workdir} holds no student, as the work folder of `pintower build` does not. Give "
            "the student that it was built from with --student."
        )
    return folder
