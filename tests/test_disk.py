"""A full disk as libraries really meet it: under a limit on a file's size."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from pintower.artifacts import read_manifest, write_folder, write_json
from pintower.disk import DiskFullError, disk_full, require_room
from pintower.errors import RepositoryError
from tests.limits import file_limit


def write_text(path: Path) -> None:
    with path.open("w") as file:
        file.write("x" * 100_000)


WRITERS: list[Callable[[Path], object]] = [
    write_text,
    lambda path: pl.DataFrame({"x": np.random.default_rng(0).random(20_000)}).write_parquet(path),
    lambda path: pq.write_table(pa.table({"x": np.random.default_rng(0).random(20_000)}), path),
    lambda path: onnx.save(onnx.helper.make_model(onnx.GraphProto(doc_string="x" * 100_000)), path),
    lambda path: np.save(path, np.zeros(100_000)),
    lambda path: save_file({"x": np.zeros(100_000)}, path),
]


def test_a_full_disk_is_told() -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        write_text(Path("/dev/full"))
    assert disk_full(caught.value, None, "it") is not None


def test_a_full_disk_is_told_by_what_a_library_in_another_language_says() -> None:
    error = RuntimeError("I/O error: No space left on device (os error 28)")
    assert disk_full(error, None, "it") is not None


@pytest.mark.parametrize("write", WRITERS)
def test_a_limit_on_files_is_told_whatever_writes(
    write: Callable[[Path], object], tmp_path: Path
) -> None:
    with pytest.raises(Exception) as caught, file_limit(1024):  # noqa: PT011
        write(tmp_path / "file")
    told = disk_full(caught.value, tmp_path / "file", "the file")
    assert told is not None
    assert told.exit_code == 2
    assert f"The disk is full at {tmp_path}: the file needs more than" in str(told)


def test_an_error_that_a_full_disk_is_the_cause_of_is_told() -> None:
    try:
        try:
            Path("/dev/full").write_text("x" * 100_000)
        except OSError as error:
            raise RepositoryError("The store cannot be made.") from error
    except RepositoryError as error:
        assert disk_full(error, None, "it") is not None


def test_other_errors_are_none_of_a_full_disk(tmp_path: Path) -> None:
    assert disk_full(FileNotFoundError(2, "No such file"), tmp_path, "it") is None
    assert disk_full(DiskFullError("told before"), tmp_path, "it") is None


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_that_the_disk_has_no_room_for_is_told_and_not_complete(
    tmp_path: Path, resume: bool
) -> None:
    target = tmp_path / "stage"

    def write(limit: int) -> None:
        with (
            file_limit(limit),
            write_folder(target, stage="stage", key="k" * 20, info={}, resume=resume) as partial,
        ):
            (partial / "small").write_text("x")
            write_text(partial / "large")

    with pytest.raises(DiskFullError, match=rf"full at {tmp_path}: the stage stage needs more"):
        write(10_000)
    assert read_manifest(target) is None
    assert [path.name for path in tmp_path.iterdir()] == (
        [".stage.partial-kkkkkkkkkkkk"] if resume else []
    )
    write(1_000_000)
    assert read_manifest(target) is not None
    assert (target / "large").stat().st_size == 100_000


def test_a_manifest_that_the_disk_has_no_room_for_is_told(tmp_path: Path) -> None:
    target = tmp_path / "stage"
    with (
        pytest.raises(DiskFullError),
        file_limit(10_000),
        write_folder(target, stage="stage", key="k", info={"x": "y" * 20_000}),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_json_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_json(tmp_path / "file.json", {"old": 1})
    with pytest.raises(OSError, match="large"), file_limit(100):
        write_json(tmp_path / "file.json", {"new": "x" * 1000})
    assert [path.name for path in tmp_path.iterdir()] == ["file.json"]
    assert "old" in (tmp_path / "file.json").read_text()


def test_what_a_disk_has_no_room_for_is_not_begun(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    require_room(tmp_path / "not" / "there", 10, "a file")
    with pytest.raises(DiskFullError, match=r"a file needs at least [\d,.]+ MiB, and"):
        require_room(tmp_path / "not" / "there", 2 * free, "a file")
