"""The server of a work folder, found or started, and held to what the work folder holds."""

import logging
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pintower.artifacts import read_manifest
from pintower.client import Client
from pintower.client.messages import RestrictedError
from pintower.contracts import Contract
from pintower.errors import InputError, RepositoryError, SetupError
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ensure_environment
from pintower.serving.server import TritonServer
from pintower.serving.state import read_state

__all__ = [
    "STATE",
    "require_built_together",
    "require_repository",
    "require_served",
    "require_stage",
    "served",
]

logger = logging.getLogger(__name__)

STATE = ".server.json"
"""In a work folder, tells of the server that runs on its repository."""

_NAMES = {
    "space_id": "space id",
    "query_encoder": "query encoder",
    "scorer": "scoring head",
    "snapshot": "pin snapshot",
    "text_package": "text package",
}
"""What a release consists of, in words."""

_SHOWN = 12
"""Digits of a hash that are shown."""


@contextmanager
def served(workdir: Path, url: str | None, start: bool) -> Iterator[str]:
    """Give the gRPC address of a server for a work folder.

    Args:
        workdir: holds models/.
        url: of a server that runs elsewhere; None looks for one that `pintower serve` started.
        start: start one, which ends with the block.

    Raises:
        SetupError: if none runs, or it cannot be started.
    """
    repository = workdir / "models"
    if start:
        require_repository(repository)
        addresses = free_addresses()
        environment = ensure_environment(Contract.load(repository / "contract.json").target.triton)
        with TritonServer(environment, repository, addresses=addresses):
            yield addresses.grpc_url
        return
    state = read_state(workdir / STATE) if url is None else None
    if url is None and state is None:
        raise SetupError(
            f"No Triton server is running for {workdir}. Start one with `pintower serve "
            f"{shlex.quote(str(repository))}`, or give --url of one elsewhere, or --start to start "
            "it for this query."
        )
    yield url or (state.addresses.grpc_url if state else "")


def require_served(client: Client, workdir: Path) -> None:
    """Refuse a server that serves another release than a work folder holds.

    Where the server keeps its models' configurations to itself, a warning says that the two were
    not compared.

    Raises:
        RepositoryError: if a part of the release is another one.
        SetupError: if no server answers.
    """
    from pintower.repository.parts import current_snapshot
    from pintower.repository.release_file import Release

    repository = workdir / "models"
    wanted = {"snapshot": current_snapshot(workdir / "pins").name}
    if (repository / "release.json").is_file():
        wanted = Release.load(repository / "release.json").identity
    try:
        found = client.release()
    except RestrictedError as error:
        logger.warning("%s Whether it serves what %s holds is not known.", error, workdir)
        return
    others = [name for name, value in wanted.items() if found.get(name) != value]
    if not others:
        return
    name = others[0]
    raise RepositoryError(
        f"The server at {client.url} serves another release than {workdir} holds: its "
        f"{_NAMES[name]} is {_short(found.get(name))}, the work folder's "
        f"{_short(wanted[name])}. It was started before the work folder was built again, or for "
        f"another one. Start it anew with `pintower serve {shlex.quote(str(repository))}`, or give "
        "--start, or the --workdir that belongs to it."
    )


def require_built_together(workdir: Path) -> None:
    """Refuse a work folder whose pins are not those of its release.

    Raises:
        RepositoryError: if a build embedded the pins anew and did not come to its end.
    """
    from pintower.repository.parts import current_snapshot
    from pintower.repository.release_file import Release

    path = workdir / "models" / "release.json"
    if not path.is_file():
        return
    embedded, released = current_snapshot(workdir / "pins").name, Release.load(path).snapshot.id
    if embedded != released:
        raise RepositoryError(
            f"{workdir / 'pins'} holds the snapshot {_short(embedded)}, and {path.parent} was "
            f"built with the snapshot {_short(released)}: the last run or build did not come to "
            "its end. Run the same command again."
        )


def require_stage(folder: Path) -> Path:
    """Return a stage's folder, refused if it is not complete.

    Raises:
        InputError: if it is missing or incomplete.
    """
    if read_manifest(folder) is None:
        raise InputError(
            f"{folder} is missing or incomplete. Make it with `pintower run` or `pintower build`, "
            "or give another --workdir."
        )
    return folder


def require_repository(repository: Path) -> None:
    """Refuse a folder that is no model repository of pintower.

    Raises:
        RepositoryError: if it has no ``release.json``.
    """
    if not (repository / "release.json").is_file():
        raise RepositoryError(
            f"{repository} is not a model repository of pintower: it has no release.json. In a "
            "work folder the repository is models/; `pintower run` or `pintower build` make one."
        )


def _short(value: str | None) -> str:
    return "not stated" if value is None else value[:_SHOWN]
