"""The files of a catalogue: found by a path or an address, in a folder or in its partitions.

A folder such as ``country=us`` is a partition, as Hive, Spark and DuckDB write it: its files lack
the column ``country``, and each of their rows has ``us``.
"""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import unquote, urlencode, urlsplit

import pyarrow as pa
from pyarrow import fs

from pintower.data.tables import PINS
from pintower.errors import DatasetError

__all__ = ["CatalogueFiles", "find_catalogue"]

_log = logging.getLogger(__name__)

_ENDINGS = {"parquet": "parquet", "jsonl": "jsonl", "jsonl.gz": "jsonl", "lance": "lance"}
Format = Literal["parquet", "jsonl", "lance"]

_SHOWN = 5
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class CatalogueFiles:
    """Where pins are read from.

    Attributes:
        place: as it was given, or the address of its Lance dataset.
        kind: of its files.
        files: their paths in ``filesystem``, in the order in which they are read.
        filesystem: that holds them.
        root: the path in ``filesystem`` that was given.
    """

    place: str
    kind: Format
    files: tuple[str, ...]
    filesystem: fs.FileSystem
    root: str

    def partition(self, path: str) -> dict[str, str | None]:
        """Return the columns and values that the folders between the root and a file state."""
        folders = path.removeprefix(self.root).split("/")[:-1]
        stated = (folder.partition("=") for folder in folders if "=" in folder)
        return {unquote(k): None if v == _NO_VALUE else unquote(v) for k, _, v in stated}


def find_catalogue(place: str) -> CatalogueFiles:
    """Find a catalogue's files.

    Raises:
        DatasetError: if there is none, or it is not clear which.
    """
    try:
        filesystem, path = _filesystem(place)
        found = filesystem.get_file_info(path)
        files: tuple[str, ...] = ()
        held: list[str] = []
        left: list[str] = []
        kind = _kind(path)
        if found.type == fs.FileType.Directory and kind != "lance":
            inside = list(_inside(filesystem, path, place, left))
            files, kind = _files_of(inside, path, place)
            held = sorted({*(_top(file, path) for file in inside), *left})
            if left and files and _top(files[0], path).split(".")[0] != PINS:
                _log.warning("%s holds folders that are not read: %s", place, ", ".join(left))
        elif kind and found.type != fs.FileType.NotFound:
            files = (path,)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"The catalogue {place} cannot be read: {error}") from error
    if not files or kind is None:
        there = f"; found: {', '.join(held[:_SHOWN])}" if held else ""
        raise DatasetError(
            f"There is no catalogue {place}; give a {', '.join(_ENDINGS)} file or a folder with "
            f"such files{there}."
        )
    if kind == "lance":
        place = place if files == (path,) else _address(place, files[0])
    return CatalogueFiles(place, kind, files, filesystem, path)


def _filesystem(place: str) -> tuple[fs.FileSystem, str]:
    """Return the filesystem of a path or an address, and the path in it.

    pyarrow takes an S3 of another address than Amazon's from the query of the address alone. Lance,
    which holds the store, and the tools of S3 take it from the environment, and so does this.
    """
    if "://" not in place:
        return fs.LocalFileSystem(), place
    parts = urlsplit(place)
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if parts.scheme == "s3" and endpoint and "endpoint_override" not in parts.query:
        given = urlsplit(endpoint)
        more = urlencode({"endpoint_override": given.netloc, "scheme": given.scheme})
        place = parts._replace(query="&".join(filter(None, (parts.query, more)))).geturl()
    filesystem, path = fs.FileSystem.from_uri(place)
    return filesystem, path


def _address(place: str, path: str) -> str:
    """Return the address of a path of the filesystem that a place is in."""
    scheme, mark, _ = place.partition("://")
    return f"{scheme}://{path}" if mark else path


def _kind(path: str) -> Format | None:
    name = path.rstrip("/").rpartition("/")[2]
    for ending, kind in _ENDINGS.items():
        if name.endswith(f".{ending}"):
            return cast("Format", kind)
    return None


def _inside(filesystem: fs.FileSystem, folder: str, place: str, left: list[str]) -> Iterator[str]:
    """Yield the files and Lance datasets of a folder and of its partitions.

    Other folders are put into ``left``. Names that begin with "_" or "." belong to the tool that
    wrote the folder.
    """
    for item in filesystem.get_file_info(fs.FileSelector(folder)):
        name = item.base_name
        if name == "_delta_log":
            raise DatasetError(
                f"{place} is a Delta table: its log says which of its files count, and the log is "
                "not read. Write the rows that count as parquet."
            )
        if name.startswith(("_", ".")):
            continue
        if item.type != fs.FileType.Directory or _kind(name) == "lance":
            yield item.path
        elif "=" in name or _kind(name):  # Spark writes a folder pins.parquet
            yield from _inside(filesystem, item.path, place, left)
        else:
            left.append(name)


def _files_of(paths: list[str], root: str, place: str) -> tuple[tuple[str, ...], Format | None]:
    """Return the files of a folder that are its catalogue, and their kind."""
    named = [path for path in paths if _top(path, root).split(".")[0] == PINS]
    files = sorted(path for path in named or paths if _kind(path))
    tops = dict.fromkeys(_top(path, root) for path in files)
    kinds = {_kind(path) for path in files}
    if len(kinds) > 1 or (named and len(tops) > 1):
        raise DatasetError(
            f"{place} holds {', '.join(list(tops)[:_SHOWN])}; which of them are the catalogue is "
            "not clear. Name a file, or a folder that holds files of one kind."
        )
    return tuple(files), next(iter(kinds), None)


def _top(path: str, root: str) -> str:
    """Return the name under a root that a path begins with."""
    return path.removeprefix(root).strip("/").partition("/")[0]
