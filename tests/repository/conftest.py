"""Fixtures: what the earlier stages leave behind for a tiny student, and a repository of it."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from pintower.repository.offline import OfflineRelease, open_offline
from pintower.repository.parts import Parts, current_snapshot

QUERIES = [
    "red shoes",
    "Blue SOFA",
    "lemon cake recipe",
    "garden",
    "beach house ideas",
    "crème",
    "",
]


def flip_last_byte(path: Path) -> None:
    """Change a file's last byte; what else is linked to the file stays."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.fixture(scope="session")
def stage_folders(
    tiny_student: Path, tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Folders of the stages data, export and pins."""
    from pintower.config import ExportConfig, PinsConfig
    from pintower.export import run as export
    from pintower.pins import run as embed

    root = tmp_path_factory.mktemp("stages")
    folders = {name: root / name for name in ("data", "export", "pins")}
    for folder in folders.values():
        folder.mkdir()
    tiny_pins.write_parquet(folders["data"] / "pins.parquet")
    log = pl.DataFrame({"query": QUERIES * 3, "timestamp": list(range(3 * len(QUERIES)))})
    log.write_parquet(folders["data"] / "query_log.parquet")
    inputs = {"student": tiny_student, **folders}
    export(
        ExportConfig(target="cpu-fp32", parity_texts=10, target_runtime=False),
        inputs,
        folders["export"],
    )
    embed(PinsConfig(threads=1), inputs, folders["pins"])
    return folders


@pytest.fixture(scope="session")
def built(stage_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that was never served; nobody changes it."""
    from pintower.config import RepositoryConfig
    from pintower.repository import run

    folder = tmp_path_factory.mktemp("built") / "models"
    folder.mkdir()
    config = RepositoryConfig(pairs=20, candidates=10, golden_queries=3, served_gates=False)
    run(config, stage_folders, folder)
    return folder


@pytest.fixture
def repository(built: Path, tmp_path: Path) -> Path:
    """A copy of that repository to change."""
    return shutil.copytree(built, tmp_path / "models")


@pytest.fixture(scope="session")
def parts(stage_folders: dict[str, Path]) -> Parts:
    """What the repository is built from."""
    from pintower.contracts import Contract

    export = stage_folders["export"]
    return Parts(
        contract=Contract.load(export / "contract.json"),
        graphs=export,
        tokenizer=export / "tokenizer.json",
        rendering=export / "text.json",
        snapshot=current_snapshot(stage_folders["pins"]),
    )


@pytest.fixture(scope="session")
def offline(parts: Parts) -> OfflineRelease:
    """The release in this process."""
    return open_offline(parts)
