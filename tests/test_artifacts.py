from pathlib import Path

import pytest

from pintower.artifacts import (
    publish_folder,
    read_json,
    read_manifest,
    require_place,
    write_folder,
)
from pintower.errors import InputError


def write(target: Path, text: str, key: str = "k" * 64, *, resume: bool = False) -> None:
    with write_folder(target, stage="s", key=key, info={"n": 1}, resume=resume) as folder:
        (folder / "file.txt").write_text(text)


def test_a_folder_appears_only_when_its_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(RuntimeError), write_folder(target, stage="s", key="k", info={}) as folder:
        (folder / "half.txt").write_text("half")
        raise RuntimeError
    assert not target.exists()
    write(target, "whole")
    manifest = read_manifest(target)
    assert manifest is not None
    assert manifest.info == {"n": 1}
    assert not (target / "half.txt").exists()


def test_a_failed_rewrite_leaves_the_old_folder_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "out"
    write(target, "old")
    with pytest.raises(RuntimeError), write_folder(target, stage="s", key="k", info={}):
        raise RuntimeError
    assert (target / "file.txt").read_text() == "old"
    write(target, "new")
    assert (target / "file.txt").read_text() == "new"


def test_resuming_finds_the_partial_folder_of_the_same_key_only(tmp_path: Path) -> None:
    target = tmp_path / "out"

    def interrupted(key: str) -> list[str]:
        seen: list[str] = []
        with (
            pytest.raises(RuntimeError),
            write_folder(target, stage="s", key=key, info={}, resume=True) as folder,
        ):
            seen += [path.name for path in folder.iterdir()]
            (folder / key).touch()
            raise RuntimeError
        return seen

    assert interrupted("a" * 64) == []
    assert interrupted("a" * 64) == ["a" * 64]
    assert interrupted("b" * 64) == []
    assert interrupted("a" * 64) == []


def test_content_hash_follows_the_bytes_and_not_the_clock(tmp_path: Path) -> None:
    contents = []
    for name, text in (("a", "same"), ("b", "same"), ("c", "other")):
        write(tmp_path / name, text)
        manifest = read_manifest(tmp_path / name)
        assert manifest is not None
        contents.append(manifest.content)
    assert contents[0] == contents[1] != contents[2]


def test_a_broken_json_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{")
    with pytest.raises(InputError, match=r"x\.json is not valid JSON"):
        read_json(path)
    with pytest.raises(InputError, match="does not exist"):
        read_json(tmp_path / "y.json")


@pytest.mark.parametrize("linked", [False, True])
def test_a_file_in_a_folders_place_is_never_moved(tmp_path: Path, *, linked: bool) -> None:
    file = tmp_path / "pins.csv"
    file.write_text("mine")
    target = tmp_path / "link" if linked else file
    if linked:
        target.symlink_to(file)
    (tmp_path / "partial").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match="is a file, a folder is wanted"):
        publish_folder(tmp_path / "partial", target)
    with pytest.raises(InputError, match="is a file, a folder is wanted"):
        require_place(target)
    assert sorted(tmp_path.iterdir()) == before
    assert file.read_text() == "mine"


def test_a_place_where_no_folder_can_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("mine")
    for place in (tmp_path / "f.txt" / "st", Path("/proc/xx"), tmp_path / ("n" * 260)):
        with pytest.raises(InputError):
            require_place(place)
    require_place(tmp_path / "new" / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["f.txt"]
