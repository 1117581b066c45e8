"""A full disk, told in one message, whatever library met it."""

import errno
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from pintower.errors import SetupError

__all__ = ["DiskFullError", "disk_full", "require_room"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SAID = tuple(told for n in _FULL for told in (os.strerror(n), f"os error {n})"))
"""What libraries in other languages make of these numbers."""

_NUMPY = re.compile(r"\d+ requested and \d+ written")
"""What NumPy makes of a write that came to its end too early, whatever the reason."""

_MIB = 2**20


class DiskFullError(SetupError):
    """There is no room for what is to be written."""


def disk_full(error: BaseException, folder: Path | None, what: str) -> DiskFullError | None:
    """Return what to tell of an error that a full disk is the cause of, None for another one.

    Args:
        error: as some library raised it, or one that it is the cause of.
        folder: what was to be written; measured, so not removed yet. Without it the fullest disk
            is named among those that a command writes to.
        what: was to be written, as the beginning of a sentence.
    """
    causes = list(_causes(error))
    if any(isinstance(cause, DiskFullError) for cause in causes) or not any(map(_is_full, causes)):
        return None
    if any(isinstance(cause, OSError) and cause.errno == errno.EFBIG for cause in causes):
        limit = "; the size of one file is limited here (`ulimit -f`)"
    else:
        limit = ""
    place = _fullest() if folder is None else _existing(folder.parent)
    disk = shutil.disk_usage(place)
    most = disk.free + (0 if folder is None else _size_of(folder))
    return DiskFullError(
        f"The disk is full at {place}: {what} needs more than the {_told(most)} that it can have "
        f"there, on a disk of {_told(disk.total)}{limit}. Make room, or give a folder on a larger "
        "disk, and run the same command again: what is complete stays."
    )


def require_room(folder: Path, needed: int, what: str) -> None:
    """Refuse to begin what a disk has no room for.

    Args:
        folder: where it is to be written; it need not exist.
        needed: bytes, at least.
        what: is to be written, as the beginning of a sentence.

    Raises:
        DiskFullError: if fewer bytes are free.
    """
    place = _existing(folder)
    free = shutil.disk_usage(place).free
    if free < needed:
        raise DiskFullError(
            f"The disk has no room at {place}: {what} needs at least {_told(needed)}, and "
            f"{_told(free)} are free. Make room, or give a folder on a larger disk."
        )


def _told(count: int) -> str:
    return f"{count / _MIB:,.1f} MiB" if count >= _MIB else f"{count / 1024:,.1f} KiB"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return any(told in str(error) for told in _SAID) or _NUMPY.search(str(error)) is not None


def _existing(path: Path) -> Path:
    """Return a path, or the nearest folder above it that exists."""
    absolute = path.absolute()
    return next(item for item in (absolute, *absolute.parents) if item.exists())


def _fullest() -> Path:
    """Return the place with the least free space among those that a command may write to."""
    return min(_places(), key=lambda place: shutil.disk_usage(place).free)


def _places() -> Iterable[Path]:
    named = [argument.rpartition("=")[2] for argument in sys.argv[1:]]
    return [Path.cwd(), Path(tempfile.gettempdir()), *(_existing(Path(name)) for name in named)]


def _size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; 0 where there is none."""
    if path.is_file():
        return path.stat().st_size
    return sum(item.stat().st_size for item in path.rglob("*") if item.is_file())
