"""The student whose pins a command is about."""

from pathlib import Path

from pintower.errors import InputError

__all__ = ["student_folder"]


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
