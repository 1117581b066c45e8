"""A file of another version of pintower, told as what it is."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from pintower import __version__

__all__ = ["newer_file", "other_version"]


def newer_file(path: Path | str, what: str, unknown: Iterable[object]) -> str:
    """Return what to say of a file that a newer pintower wrote.

    Args:
        path: of the file or its folder, or its address.
        what: it is, with its article.
        unknown: what stands in it that this version does not know.
    """
    names = ", ".join(str(name) for name in unknown)
    return (
        f"{path} is {what} of a newer pintower: this one, {__version__}, does not know {names}. "
        "Upgrade it with `pip install --upgrade pintower`, or make that again with this one."
    )


def other_version(path: Path, what: str, error: ValidationError) -> str:
    """Return what to say of a file that does not hold what this version reads.

    Args:
        path: of the file.
        what: it is, with its article.
        error: says what is unknown in it, missing or wrong.
    """
    found = error.errors()
    unknown = [_place(item["loc"]) for item in found if item["type"] == "extra_forbidden"]
    if unknown:
        return newer_file(path, what, unknown)
    lines = "; ".join(f"{_place(item['loc'])}: {item['msg']}" for item in found)
    return f"{path} is not {what} of this pintower, {__version__}: {lines}. Make it again."


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "the document"
