"""Folders that are complete or absent: manifests, hashes, atomic publication.

A stage's work goes to a partial folder beside its target. ``manifest.json`` is written last and the
folder is then renamed into place, so a folder with a manifest is complete, whenever the process was
killed. The partial folder's name carries the stage's key (a hash over config and inputs); work that
is resumable finds its own partial folder again, and what belongs to another key is removed.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pintower.disk import disk_full
from pintower.errors import InputError, SetupError
from pintower.versions import newer_file

__all__ = [
    "MANIFEST",
    "Manifest",
    "hash_file",
    "hash_files",
    "hash_json",
    "lock_folder",
    "partial_folder",
    "publish_folder",
    "read_json",
    "read_manifest",
    "require_place",
    "write_folder",
    "write_json",
]

MANIFEST = "manifest.json"

_LONGEST_NAME = 255  # bytes, of a file system's entry


@dataclass(frozen=True)
class Manifest:
    """What ``manifest.json`` says of a complete folder.

    Attributes:
        stage: the stage that wrote it.
        key: hash over the stage's config and inputs (what a rerun compares).
        content: hash over the names and bytes of the folder's files (what later stages depend on).
        created: seconds since the epoch.
        seconds: wall time the stage took.
        info: a few numbers worth showing (rows, pins, steps).
        parts: what the key is the hash of, by name; empty where an earlier version wrote it.
        drawn: hash over the data that was drawn from, which the key leaves out; empty for none.
    """

    stage: str
    key: str
    content: str
    created: float
    seconds: float
    info: dict[str, Any]
    parts: dict[str, Any] = field(default_factory=dict)
    drawn: str = ""


def hash_json(value: Any) -> str:
    """Return the SHA-256 of a JSON-serializable value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(folder: Path, *, exclude: Iterable[str] = (MANIFEST,)) -> dict[str, str]:
    """Return ``{relative path: SHA-256}`` for every file below ``folder``, sorted by path."""
    skipped = set(exclude)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = ((path.relative_to(folder).as_posix(), path) for path in files)
    return {name: hash_file(path) for name, path in named if name not in skipped}


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: if the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} is not valid JSON: {error}.") from None


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file by way of a temporary one beside it, so that it is whole or absent."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a complete folder, or None if the folder is absent or incomplete."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    values = read_json(path)
    if isinstance(values, dict) and (unknown := values.keys() - Manifest.__dataclass_fields__):
        raise InputError(newer_file(path, "a manifest", sorted(unknown)))
    try:
        return Manifest(**values)
    except TypeError as error:
        raise InputError(f"{path} is not a manifest of this version: {error}.") from None


def partial_folder(target: Path, key: str, *, resume: bool) -> Path:
    """Return the partial folder for ``target``, made ready.

    Args:
        target: the folder that will appear in the end.
        key: the stage's key; partial folders of other keys are removed.
        resume: keep what an interrupted run with the same key left there.
    """
    folder = target.with_name(f".{target.name}.partial-{key[:12]}")
    target.parent.mkdir(parents=True, exist_ok=True)
    for other in target.parent.glob(f".{target.name}.partial-*"):
        if other != folder or not resume:
            shutil.rmtree(other)
    folder.mkdir(exist_ok=True)
    return folder


def require_place(target: Path) -> None:
    """Refuse a place where a folder cannot be made, and leave it as it was.

    Raises:
        InputError: if a file lies there or above it, it is the root, its name is too long, or
            nothing can be written beside it.
    """
    try:
        if os.path.lexists(target) and not target.is_dir():
            raise InputError(f"{target} is a file, a folder is wanted; give another path.")
        above = target.absolute()
        if above == above.parent:
            raise InputError(f"{target} is the file system's root; give a folder in it.")
        partial = f".{above.name}.partial-{'k' * 12}"
        if len(os.fsencode(partial)) > _LONGEST_NAME:
            raise InputError(f"The name {above.name} is too long for a folder; give a shorter one.")
        while not os.path.lexists(above):
            above = above.parent
        if not above.is_dir():
            raise InputError(
                f"{target} cannot be made: {above} is a file, a folder is wanted; "
                "give another path."
            )
        if above != target.absolute():
            os.rmdir(tempfile.mkdtemp(prefix=".pintower-", dir=above))
    except OSError as error:
        raise InputError(
            f"The folder {target} cannot be made: {error.strerror}. Give another path."
        ) from None


def publish_folder(partial: Path, target: Path) -> None:
    """Put a finished partial folder in the place of ``target``, a folder or nothing.

    Raises:
        InputError: if something else than a folder lies there; nothing is moved then.
    """
    if os.path.lexists(target) and not target.is_dir():
        raise InputError(f"{target} is a file, a folder is wanted; give another path.")
    old = target.with_name(f".{target.name}.old")
    if old.exists():
        shutil.rmtree(old)
    if target.exists():
        target.rename(old)
    partial.rename(target)
    if old.exists():
        shutil.rmtree(old)


@contextmanager
def lock_folder(folder: Path, instead: str) -> Iterator[None]:
    """Keep others out of a folder, made if absent, as long as the block or the process lasts.

    Args:
        folder: locked by a file ``.lock`` in it.
        instead: what else a user can do, for the message.

    Raises:
        SetupError: if the folder cannot be made or another process has it.
    """
    if any("\udc80" <= letter <= "\udcff" for letter in str(folder.absolute())):
        raise SetupError(
            f"The path {str(folder.absolute())!r} has bytes that are not UTF-8, which libraries "
            f"cannot write to. Rename the folder, or {instead}."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"The folder {folder} cannot be made: {error.strerror}.") from None
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(f"Another run works in {folder}. Wait for it, or {instead}.") from None
        yield


@contextmanager
def write_folder(
    target: Path,
    *,
    stage: str,
    key: str,
    info: Mapping[str, Any],
    resume: bool = False,
    parts: Mapping[str, Any] | None = None,
    drawn: str = "",
) -> Iterator[Path]:
    """Give a partial folder to write into; on success write its manifest and publish it.

    Args:
        target: the folder that will appear.
        stage: name for the manifest.
        key: hash over config and inputs.
        info: read when the block ends, so the block may fill it.
        resume: start from what an interrupted run with the same key left.
        parts: read when the block ends; the manifest's key is their hash then, and no longer
            ``key``.
        drawn: for the manifest.
    """
    started = time.time()
    folder = partial_folder(target, key, resume=resume)
    try:
        yield folder
        manifest = Manifest(
            stage=stage,
            key=key if parts is None else hash_json(parts),
            content=hash_json(hash_files(folder)),
            created=time.time(),
            seconds=round(time.time() - started, 3),
            info=dict(info),
            parts=dict(parts or {}),
            drawn=drawn,
        )
        write_json(folder / MANIFEST, vars(manifest))
    except BaseException as error:
        full = disk_full(error, folder, f"the {stage} stage")
        if not resume:
            shutil.rmtree(folder)
        if full is not None:
            raise full from error
        raise
    publish_folder(folder, target)
