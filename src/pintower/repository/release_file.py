"""``release.json``: what belongs together. Written once, never changed."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pintower.artifacts import read_json, write_json
from pintower.errors import RepositoryError
from pintower.versions import newer_file, other_version

__all__ = ["GoldenQuery", "Release", "SnapshotRecord", "identity"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GoldenQuery(_Model):
    """A real query with the scores it must be answered with.

    Attributes:
        query: its text.
        features: its feature vectors end to end, where the query encoder takes them.
        pin_ids: candidates.
        scores: the relevance score of each, computed offline with the release's own graphs.
    """

    query: str
    features: tuple[float, ...] = ()
    pin_ids: tuple[str, ...]
    scores: tuple[float, ...]


class SnapshotRecord(_Model):
    """The pin snapshot of a release.

    Attributes:
        id: its name among the pins' snapshots, which follows from its content.
        artifact_id: of the pin encoder that made it.
        pins: how many it holds.
    """

    id: str
    artifact_id: str
    pins: int


class Release(_Model):
    """One release: query encoder, scoring head and snapshot that belong together.

    Attributes:
        format: of this file.
        release: its number; a later release has a higher one.
        target: where it runs.
        triton_release: NVIDIA's release that the target names.
        space_id: what both towers agree on.
        artifacts: served graph to artifact id.
        snapshot: the pins.
        text_package: hash over the text package that the python models carry.
        models: Triton model to version.
        golden: queries with expected scores.
        golden_runtime: the ONNX Runtime version that computed them; another one rounds a quantized
            graph differently.
        files: path to SHA-256, for every file of the repository but ``release.json``,
            ``gates.json`` and ``manifest.json``.
    """

    format: int = 1
    release: int
    target: str
    triton_release: str
    space_id: str
    artifacts: Mapping[str, str]
    snapshot: SnapshotRecord
    text_package: str
    models: Mapping[str, int]
    golden: tuple[GoldenQuery, ...]
    golden_runtime: str
    files: Mapping[str, str]

    @property
    def identity(self) -> dict[str, str]:
        """What a server of this release says of it."""
        return identity(self.space_id, self.artifacts, self.snapshot.id, self.text_package)

    def save(self, path: Path) -> None:
        """Write ``release.json``."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> "Release":
        """Read ``release.json``.

        Raises:
            RepositoryError: if it is incomplete or of another version.
        """
        values = read_json(path)
        own = cls.model_fields["format"].default
        given = values.get("format") if isinstance(values, dict) else None
        if isinstance(given, int) and given > own:
            raise RepositoryError(newer_file(path, "a release", [f"format {given}"]))
        if given != own:
            raise RepositoryError(
                f"{path} has format {given!r}; this version reads format {own}. Build it again."
            )
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise RepositoryError(other_version(path, "a complete release", error)) from None


def identity(
    space_id: str, artifacts: Mapping[str, str], snapshot: str, text_package: str
) -> dict[str, str]:
    """Return the parameters by which a served ensemble says which release it is of.

    Args:
        space_id: of both towers.
        artifacts: served graph to artifact id.
        snapshot: id of the pin snapshot.
        text_package: hash over the text package that the python models carry.
    """
    return {
        "space_id": space_id,
        **artifacts,
        "snapshot": snapshot,
        "text_package": text_package,
    }
