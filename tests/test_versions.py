"""What a newer pintower wrote is told as that, with what to do; what is damaged is not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import lance
import pyarrow as pa
import pytest

from pintower.artifacts import read_manifest
from pintower.contracts import Contract
from pintower.errors import InputError, RepositoryError, StudentError
from pintower.gates import Gate, read_gates, write_gates
from pintower.models.layout import StudentLayout
from pintower.models.scoring_head import ScoringHead
from pintower.pins.store import Origin, PinStore, store_schema
from pintower.repository.release_file import Release
from pintower.snapshot import Snapshot
from tests.repository.test_configs import contract_for

UPGRADE = r"newer pintower.*(upgrade|install)"


def add(path: Path, edit: Callable[[dict[str, object]], object]) -> Path:
    """Change a JSON document."""
    values = json.loads(path.read_text())
    edit(values)
    path.write_text(json.dumps(values))
    return path


def test_a_manifest_of_a_newer_version_says_to_upgrade(tmp_path: Path) -> None:
    values = {"stage": "data", "key": "k", "content": "c", "created": 0, "seconds": 0, "info": {}}
    (tmp_path / "manifest.json").write_text(json.dumps({**values, "signature": "x"}))
    with pytest.raises(InputError, match="does not know signature. Upgrade"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"stage": "data"}))
    with pytest.raises(InputError, match="not a manifest of this version"):
        read_manifest(tmp_path)


def test_gates_of_a_newer_version_say_to_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "gates.json"
    write_gates(path, [Gate("a", measured=1.0, allowed=None, better="lower", passed=True)], {})
    assert read_gates(path)
    add(path, lambda values: values["gates"][0].update(power=0.8))  # type: ignore[index]
    with pytest.raises(InputError, match="does not know power. Upgrade"):
        read_gates(path)


def test_a_contract_of_a_newer_version_says_to_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "contract.json"
    contract_for("cpu-fp32").save(path)
    Contract.load(path)
    add(path, lambda values: values.update(router={"depth": 2}))
    with pytest.raises(RepositoryError, match="does not know router. Upgrade"):
        Contract.load(path)
    add(path, lambda values: (values.pop("router"), values.pop("space_id")))
    with pytest.raises(RepositoryError, match="space_id: Field required. Make it again"):
        Contract.load(path)


def test_a_release_of_a_newer_version_says_to_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    path.write_text('{"format": 2}')
    with pytest.raises(RepositoryError, match="does not know format 2. Upgrade"):
        Release.load(path)
    path.write_text('{"format": 1, "signature": "x"}')
    with pytest.raises(RepositoryError, match="does not know signature. Upgrade"):
        Release.load(path)
    path.write_text('{"format": 0}')
    with pytest.raises(RepositoryError, match="reads format 1. Build it again"):
        Release.load(path)


def test_a_student_of_a_newer_version_says_to_upgrade(tiny_student: Path, tmp_path: Path) -> None:
    layout = StudentLayout(shutil.copytree(tiny_student, tmp_path / "student"))
    ScoringHead.load(layout.scoring_head)
    add(layout.scoring_head / "config.json", lambda values: values.update(gated=True))
    with pytest.raises(StudentError, match="does not know gated. Upgrade"):
        ScoringHead.load(layout.scoring_head)
    add(layout.text, lambda values: values.update(emoji="names"))
    with pytest.raises(StudentError, match=rf"\['emoji'\].*{UPGRADE}"):
        layout.load_rendering()


def test_a_snapshot_of_a_newer_version_says_to_upgrade(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "snapshot.json").write_text('{"precision": "int4"}')
    with pytest.raises(ValueError, match=rf"int4.*{UPGRADE}"):
        Snapshot.open(tmp_path)


def test_a_store_of_a_newer_version_says_to_upgrade(tmp_path: Path) -> None:
    origin = Origin("space", "artifact", 4, 0)
    schema = store_schema(origin).append(pa.field("clicks", pa.int64()))
    lance.write_dataset(schema.empty_table(), origin.place(str(tmp_path)))
    with pytest.raises(RepositoryError, match="does not know clicks. Upgrade"):
        PinStore.open(tmp_path, origin)
