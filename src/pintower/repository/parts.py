"""What a model repository is built from, held to the contract."""

from dataclasses import dataclass
from pathlib import Path

from pintower.artifacts import MANIFEST, read_json
from pintower.contracts import Contract
from pintower.errors import RepositoryError
from pintower.snapshot import Snapshot

__all__ = ["Parts", "current_snapshot", "open_snapshot"]


@dataclass(frozen=True)
class Parts:
    """What a repository is built from.

    Attributes:
        contract: resolved.
        graphs: folder that the contract's files are relative to.
        tokenizer: the query encoder's ``tokenizer.json``.
        rendering: ``text.json``.
        snapshot: folder of the pin snapshot.
    """

    contract: Contract
    graphs: Path
    tokenizer: Path
    rendering: Path
    snapshot: Path

    @property
    def snapshot_id(self) -> str:
        """The name that the snapshot was published by."""
        return str(read_json(self.snapshot / MANIFEST)["snapshot"])


def current_snapshot(pins: Path) -> Path:
    """Return the folder of the snapshot that a pins folder says to serve.

    Raises:
        RepositoryError: if there is none.
    """
    name = read_json(pins / "current.json").get("snapshot")
    folder = pins / "snapshots" / str(name)
    if not folder.is_dir():
        raise RepositoryError(f"{pins / 'current.json'} names {name!r}, but {folder} is missing.")
    return folder


def open_snapshot(parts: Parts) -> Snapshot:
    """Open the snapshot and hold it to the contract.

    Raises:
        RepositoryError: if it was made by another pin encoder, has another width, cannot be read
            or is not as it was published.
    """
    contract = parts.contract
    try:
        snapshot = Snapshot.open(parts.snapshot)
        found = {name: snapshot.info[name] for name in ("space_id", "width")}
    except (OSError, ValueError, KeyError) as error:
        raise RepositoryError(f"The snapshot {parts.snapshot} cannot be used: {error}") from error
    for name, value in (("space_id", contract.space_id), ("width", contract.symbols["D"])):
        if found[name] != value:
            raise RepositoryError(
                f"The snapshot {parts.snapshot} has {name} {found[name]}, the exported graphs have "
                f"{value}: query encoder and pins do not belong together. Embed the pins again "
                "with the exported pin encoder."
            )
    try:
        snapshot.verify()
    except (OSError, ValueError, KeyError) as error:
        raise RepositoryError(f"The snapshot {parts.snapshot} cannot be used: {error}") from error
    return snapshot
