import gzip
import json
from pathlib import Path

import lance
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pintower.data import catalogue
from pintower.data.catalogue import open_catalogue
from pintower.errors import DatasetError

PINS = pl.DataFrame(
    {
        "pin_id": [f"pin-{number}" for number in range(25)],
        "title": [f"title {number}" for number in range(25)],
        "board_titles": [["home", "garden"]] * 25,
        "colour": ["red"] * 25,
        "graph_vector": [[float(number), 1.0] for number in range(25)],
    }
)


def write(frame: pl.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".lance":
        lance.write_dataset(frame.to_arrow(), path)
    else:
        lines = "".join(json.dumps(row) + "\n" for row in frame.iter_rows(named=True)).encode()
        path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_BATCH", 10)


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.jsonl.gz", "a.lance"])
def test_every_format_gives_the_same_pins_in_order(tmp_path: Path, name: str) -> None:
    opened = open_catalogue(str(write(PINS, tmp_path / name)), ["graph_vector"])
    batches = list(opened.batches())
    assert [len(batch) for batch in batches] == [10, 10, 5]
    pins = pl.concat(batches)
    assert pins["pin_id"].to_list() == PINS["pin_id"].to_list()
    assert pins["board_titles"].to_list() == PINS["board_titles"].to_list()
    assert pins["graph_vector"].to_list() == PINS["graph_vector"].to_list()
    assert pins["description"].to_list() == [""] * 25
    assert "colour" not in pins.columns
    assert opened.count() in (25, None)


def test_rows_are_picked_by_their_numbers(tmp_path: Path) -> None:
    opened = open_catalogue(str(write(PINS, tmp_path / "a.parquet")))
    picked = pl.concat(list(opened.rows(np.array([0, 9, 10, 24]))))
    assert picked["pin_id"].to_list() == ["pin-0", "pin-9", "pin-10", "pin-24"]
    assert list(opened.rows(np.array([], np.int64))) == []


def test_a_catalogue_that_shrank_meanwhile_is_told(tmp_path: Path) -> None:
    opened = open_catalogue(str(write(PINS, tmp_path / "a.parquet")))
    with pytest.raises(DatasetError, match="25 pins now"):
        list(opened.rows(np.array([30])))


def test_a_folder_of_parts_is_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(PINS[20:], tmp_path / "part-2.parquet")
    write(PINS[:20], tmp_path / "part-1.parquet")
    (tmp_path / "_SUCCESS").touch()
    pins = pl.concat(list(open_catalogue(str(tmp_path)).batches()))
    assert pins["pin_id"].to_list() == PINS["pin_id"].to_list()


def test_a_dataset_folder_gives_its_pins(tmp_path: Path) -> None:
    write(PINS, tmp_path / "pins.parquet")
    write(PINS[:3], tmp_path / "query_log.parquet")
    assert open_catalogue(str(tmp_path)).count() == 25


def test_an_address_is_read_through_pyarrow(tmp_path: Path) -> None:
    opened = open_catalogue((write(PINS, tmp_path / "a.parquet")).as_uri())
    assert sum(len(batch) for batch in opened.batches()) == 25


def test_a_lance_dataset_is_read_by_its_address(tmp_path: Path) -> None:
    opened = open_catalogue((write(PINS, tmp_path / "a.lance")).as_uri())
    assert sum(len(batch) for batch in opened.batches()) == 25


def test_vectors_that_some_batches_lack_are_null(tmp_path: Path) -> None:
    holes = [{"pin_id": f"pin-{n}", "title": "x"} for n in range(12)]
    holes[11]["graph_vector"] = [1.0, 2.0]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in holes))
    pins = pl.concat(list(open_catalogue(str(path), ["graph_vector"]).batches()))
    assert pins["graph_vector"].to_list() == [None] * 11 + [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop("title", "board_titles"), "no text column"),
        (lambda frame: frame.drop("pin_id"), "lacks the column 'pin_id'"),
        (lambda frame: frame.rename({"pin_id": "ID"}), "found: .*ID"),
        (lambda frame: frame.with_columns(pin_id=pl.lit("")), "have no pin_id"),
        (
            lambda frame: frame.with_columns(title=pl.lit(1.5)),
            r"row 1: title 1\.5 .*text is allowed",
        ),
    ],
)
def test_pins_that_cannot_be_are_refused(tmp_path: Path, change: object, message: str) -> None:
    path = write(change(PINS), tmp_path / "a.parquet")
    with pytest.raises(DatasetError, match=message):
        list(open_catalogue(str(path)).batches())


def test_a_bad_row_is_found_behind_the_first_batch(tmp_path: Path) -> None:
    ids = [*PINS["pin_id"][:17], "x" * 300, *PINS["pin_id"][18:]]
    path = write(PINS.with_columns(pin_id=pl.Series(ids)), tmp_path / "a.parquet")
    with pytest.raises(DatasetError, match="row 18: pin_id"):
        list(open_catalogue(str(path)).batches())


@pytest.mark.parametrize("name", ["absent.parquet", "absent", "odd.csv"])
def test_what_is_no_catalogue_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "odd.csv").write_text("pin_id,title")
    with pytest.raises(DatasetError, match="no catalogue"):
        open_catalogue(str(tmp_path / name))


def test_a_folder_without_a_catalogue_is_told_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "pins.csv").write_text("pin_id,title")
    (tmp_path / "metadata").mkdir()
    with pytest.raises(DatasetError, match="no catalogue .*; found: metadata, pins.csv"):
        open_catalogue(str(tmp_path))


def test_two_catalogues_in_a_folder_are_refused(tmp_path: Path) -> None:
    write(PINS, tmp_path / "a.parquet")
    write(PINS, tmp_path / "b.jsonl")
    with pytest.raises(DatasetError, match="not clear"):
        open_catalogue(str(tmp_path))


@pytest.mark.parametrize("content", [b"PAR1 no parquet", b""])
def test_a_broken_file_is_told_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    catalogue = open_catalogue(str(path))
    with pytest.raises(DatasetError, match=r"a\.parquet cannot be read"):
        list(catalogue.batches())
    with pytest.raises(DatasetError, match=r"a\.parquet cannot be read"):
        catalogue.large()


@pytest.mark.parametrize(
    ("line", "message"),
    [('{"id": "a", "title": "x"}', "lacks the column 'pin_id'; found: title"),
     ('{"pin_id": "a", "price": 3}', "no text column")],
)  # fmt: skip
def test_lines_that_cannot_be_pins_are_refused(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(line)
    with pytest.raises(DatasetError, match=message):
        list(open_catalogue(str(path)).batches())


def partitioned(folder: Path, ending: str) -> Path:
    """Write 25 pins into country=us and country=côte, whose name is escaped, and one without."""
    for part, frame in {"us": PINS[:20], "c%C3%B4te": PINS[20:24]}.items():
        (folder / f"country={part}" / "language=en").mkdir(parents=True)
        write(frame, folder / f"country={part}" / "language=en" / f"part-0.{ending}")
    (folder / "country=__HIVE_DEFAULT_PARTITION__").mkdir()
    write(PINS[24:], folder / "country=__HIVE_DEFAULT_PARTITION__" / f"part-0.{ending}")
    (folder / "_temporary").mkdir()
    write(PINS, folder / "_temporary" / f"part-0.{ending}")
    return folder


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "jsonl.gz"])
@pytest.mark.parametrize("address", [True, False])
def test_a_partitions_folder_gives_its_rows_a_column(
    tmp_path: Path, ending: str, address: bool
) -> None:
    folder = partitioned(tmp_path / "year=2026" / "cat", ending)
    place = folder.as_uri() if address else f"{folder}/"
    opened = open_catalogue(place, ["graph_vector"])
    pins = pl.concat(list(opened.batches())).sort(pl.col("pin_id").str.slice(4).cast(pl.Int64))
    assert pins["pin_id"].to_list() == PINS["pin_id"].to_list()
    assert pins["country"].to_list() == ["us"] * 20 + ["côte"] * 4 + [""]
    assert pins["language"].to_list() == ["en"] * 24 + [""]
    assert pins["graph_vector"].to_list() == PINS["graph_vector"].to_list()
    picked = pl.concat(list(opened.rows(np.array([0, 24]))))
    assert len(picked) == 2


def test_a_relative_path_has_partitions_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partitioned(tmp_path / "cat", "parquet")
    monkeypatch.chdir(tmp_path)
    for place in ("cat", "./cat", "cat/", "../" + tmp_path.name + "/cat"):
        pins = pl.concat(list(open_catalogue(place).batches()))
        assert pins["country"].value_counts(sort=True)["count"].to_list() == [20, 4, 1]


def test_a_partition_may_be_the_only_place_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "title=red%20sofa").mkdir()
    write(PINS.select("pin_id"), tmp_path / "title=red%20sofa" / "a.parquet")
    pins = pl.concat(list(open_catalogue(str(tmp_path)).batches()))
    assert set(pins["title"]) == {"red sofa"}


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_a_row_that_contradicts_its_partition_is_refused(tmp_path: Path, ending: str) -> None:
    (tmp_path / "country=us").mkdir()
    path = tmp_path / "country=us" / f"a.{ending}"
    write(PINS.with_columns(country=pl.Series(["us", None] * 12 + ["us"])), path)
    pins = pl.concat(list(open_catalogue(str(tmp_path)).batches()))
    assert set(pins["country"]) == {"us"}
    write(PINS.with_columns(country=pl.Series(["us"] * 24 + ["de"])), path)
    with pytest.raises(DatasetError, match=r"row 25.*country 'de', but .*country=us"):
        list(open_catalogue(str(tmp_path)).batches())


def test_a_partition_under_another_spelling_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Country=us").mkdir()
    for name in ("a.parquet", "a.jsonl"):
        path = write(PINS, tmp_path / "Country=us" / name)
        with pytest.raises(DatasetError, match="'Country' must be spelled 'country'"):
            list(open_catalogue(str(tmp_path)).batches())
        path.unlink()


def test_a_folder_that_spark_named_like_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "pins.parquet").mkdir()
    for part in range(5):
        path = tmp_path / "pins.parquet" / f"part-{part}.snappy.parquet"
        write(PINS[part * 5 : part * 5 + 5], path)
    (tmp_path / "pins.parquet" / "_SUCCESS").touch()
    write(PINS[:3], tmp_path / "query_log.parquet")
    for place in (tmp_path, tmp_path / "pins.parquet"):
        pins = pl.concat(list(open_catalogue(str(place)).batches()))
        assert pins["pin_id"].to_list() == PINS["pin_id"].to_list()


def test_a_delta_table_is_refused(tmp_path: Path) -> None:
    """Its folder holds rows that were deleted or replaced."""
    (tmp_path / "_delta_log").mkdir()
    write(PINS, tmp_path / "part-0.parquet")
    with pytest.raises(DatasetError, match="Delta table"):
        open_catalogue(str(tmp_path))


def test_folders_that_are_not_read_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "2025").mkdir()
    write(PINS, tmp_path / "2025" / "a.parquet")
    write(PINS, tmp_path / "a.parquet")
    with caplog.at_level("WARNING"):
        assert open_catalogue(str(tmp_path)).count() == 25
    assert "folders that are not read: 2025" in caplog.text
    caplog.clear()
    write(PINS, tmp_path / "pins.parquet")
    with caplog.at_level("WARNING"):
        assert open_catalogue(str(tmp_path)).count() == 25
    assert caplog.text == ""


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "jsonl.gz"])
def test_a_catalogue_that_is_a_pointer_is_told_as_one(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    path.write_bytes(gzip.compress(pointer) if ending.endswith("gz") else pointer)
    with pytest.raises(DatasetError, match="Git LFS pointer"):
        list(open_catalogue(str(path)).batches())


def test_a_column_twice_in_a_catalogue_is_refused(tmp_path: Path) -> None:
    table = pa.table([["a"], ["x"], ["y"]], names=["pin_id", "title", "title"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DatasetError, match="a.parquet"):
        list(open_catalogue(str(tmp_path)).batches())
