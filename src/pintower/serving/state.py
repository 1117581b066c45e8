"""The small file by which a later command finds a server that is running."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from pintower.artifacts import read_json, write_json
from pintower.errors import InputError
from pintower.serving.addresses import Addresses

__all__ = ["ServerState", "read_state", "remove_state", "write_state"]


@dataclass(frozen=True)
class ServerState:
    """A running server.

    Attributes:
        pid: the process to ask for its end (the server's guard).
        started_ticks: when that process began, in the kernel's clock ticks; tells a server from
            another process that was given the same number later.
        addresses: its ports.
        repository: the model repository that it serves.
        since: seconds since the epoch.
    """

    pid: int
    started_ticks: int
    addresses: Addresses
    repository: Path
    since: float


def write_state(path: Path, pid: int, addresses: Addresses, repository: Path) -> ServerState:
    """Write down a server that was just started, and return what was written."""
    ticks = _started_ticks(pid)
    state = ServerState(pid, ticks or 0, addresses, repository.resolve(), time.time())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(state) | {"repository": str(state.repository)})
    return state


def read_state(path: Path) -> ServerState | None:
    """Return the server that a state file tells of, None if there is none or it has ended.

    Raises:
        InputError: if the file is not a state file.
    """
    if not path.is_file():
        return None
    value = read_json(path)
    try:
        state = ServerState(
            pid=int(value["pid"]),
            started_ticks=int(value["started_ticks"]),
            addresses=Addresses(**value["addresses"]),
            repository=Path(value["repository"]),
            since=float(value["since"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not the state file of a server: {error!r}.") from None
    return state if _started_ticks(state.pid) == state.started_ticks else None


def remove_state(path: Path, pid: int) -> None:
    """Remove a state file, unless it tells of another process by now."""
    if path.is_file() and read_json(path).get("pid") == pid:
        path.unlink(missing_ok=True)


def _started_ticks(pid: int) -> int | None:
    """Return when a process began, None if it has ended (a zombie has)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])
