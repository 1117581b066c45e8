"""Where the parts of a model repository lie."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pintower.artifacts import MANIFEST, hash_file, hash_files, hash_json
from pintower.repository.pbtxt import CONFIG_FILE

__all__ = ["CONTRACT", "GATES", "RELEASE", "RepositoryLayout", "release_files", "text_checksum"]

RELEASE = "release.json"
GATES = "gates.json"
CONTRACT = "contract.json"

_NOT_RELEASED = {RELEASE, GATES, MANIFEST}
"""Files at the top that ``release.json`` does not list: itself, and what is written after it."""


@dataclass(frozen=True)
class RepositoryLayout:
    """Paths inside a model repository."""

    root: Path

    @property
    def release(self) -> Path:
        """What the release consists of."""
        return self.root / RELEASE

    @property
    def gates(self) -> Path:
        """What was measured through the server."""
        return self.root / GATES

    @property
    def contract(self) -> Path:
        """The resolved contract."""
        return self.root / CONTRACT

    def config(self, model: str) -> Path:
        """Return a model's configuration."""
        return self.root / model / CONFIG_FILE

    def version(self, model: str, version: int) -> Path:
        """Return the folder of one version of a model."""
        return self.root / model / str(version)

    def graph(self, model: str, version: int) -> Path:
        """Return the ONNX file of one version of a served graph."""
        return self.version(model, version) / "model.onnx"

    def served_encoder(self, version: int) -> Path:
        """Return where one version of the tokenizer says which encoder its ids are for."""
        return self.version("tokenizer", version) / "query_encoder.json"

    def snapshot(self, version: int) -> Path:
        """Return the pin snapshot of one version."""
        return self.version("pin_features", version) / "snapshot"


def release_files(root: Path) -> dict[str, str]:
    """Return ``{relative path: SHA-256}`` of every file that belongs to a release.

    What Python caches beside the modules it imports is not part of it.
    """
    return {name: hash_file(root / name) for name in _released(root)}


def text_checksum(version_folder: Path) -> str:
    """Return one hash over the text package that lies in a version folder."""
    return hash_json(hash_sources(version_folder / "pintower" / "text"))


def hash_sources(package: Path) -> dict[str, str]:
    """Return ``{relative path: SHA-256}`` of a package's Python files."""
    hashes = hash_files(package)
    return {name: digest for name, digest in hashes.items() if name.endswith(".py")}


def _released(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and name not in _NOT_RELEASED and "__pycache__" not in path.parts:
            yield name
