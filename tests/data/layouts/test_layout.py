"""A public dataset is told by its files, and a folder is never taken for what it isn't."""

from pathlib import Path

import pytest

from pintower.data.layouts import LAYOUTS, Layout, find_layout
from pintower.data.reader import fingerprint, read_dataset
from pintower.errors import DatasetError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("x")


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_layout_is_found_by_its_files(tmp_path: Path, layout: Layout) -> None:
    assert find_layout(tmp_path, LAYOUTS) is None
    names = [name for (name, *_) in layout.files.values()]
    touch(tmp_path, *names, "LICENSE")
    found = find_layout(tmp_path, LAYOUTS)
    assert found is not None
    assert found[0] is layout
    assert {path.name for path in found[1].values()} == set(names)
    assert {"pins", "judgments"} <= set(found[1])
    assert set(layout.levels.values()) <= {1, 2, 3, 4, 5}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_missing_part_is_named_with_where_to_get_it(tmp_path: Path, layout: Layout) -> None:
    (there, *_), *others = layout.files.values()
    touch(tmp_path, there)
    with pytest.raises(DatasetError) as caught:
        read_dataset(tmp_path)
    for part in (there, layout.name, layout.source, *(name for (name, *_) in others)):
        assert part in str(caught.value)


def test_of_two_names_of_a_part_the_first_counts(tmp_path: Path) -> None:
    touch(tmp_path, "movies-corpus.jsonl", "movies-corpus.jsonl.gz", "movies-judgments.tsv")
    found = find_layout(tmp_path, LAYOUTS)
    assert found is not None
    assert found[1]["pins"].name == "movies-corpus.jsonl.gz"


def test_two_layouts_in_one_folder_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "movies-corpus.jsonl.gz", "movies-judgments.tsv.gz")
    touch(tmp_path, "product.csv", "query.csv", "label.csv")
    for use in (read_dataset, fingerprint):
        with pytest.raises(DatasetError, match=r"files of MSRD and WANDS.*own folder"):
            use(tmp_path)


def test_a_folder_that_holds_pins_is_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "pins.jsonl").write_text('{"pin_id": "a", "title": "x"}\n')
    before = fingerprint(tmp_path)
    touch(tmp_path, "query.csv", "product.csv")
    dataset = read_dataset(tmp_path, judgments_required=False)
    assert dataset.layout is None
    assert fingerprint(tmp_path) == before


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_an_empty_file_is_told_as_such(tmp_path: Path, layout: Layout) -> None:
    names = [name for (name, *_) in layout.files.values()]
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(DatasetError, match=rf"{names[0]} is empty \(0 bytes\)"):
        read_dataset(tmp_path)


def test_the_fingerprint_follows_the_parts_alone(tmp_path: Path) -> None:
    touch(tmp_path, "product.csv", "query.csv", "label.csv")
    before = fingerprint(tmp_path)
    touch(tmp_path, "README.md")
    assert fingerprint(tmp_path) == before
    (tmp_path / "query.csv").write_text("y")
    assert fingerprint(tmp_path) != before


def test_a_folder_with_neither_names_the_public_datasets(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no pins.*\(Chorus, ESCI, MSRD, WANDS\)"):
        read_dataset(tmp_path)
