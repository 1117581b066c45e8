"""A table means the same in every format, and a file that is not what its name says is told."""

import csv
import gzip
import io
import json
import logging
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pintower.data.files import ENDINGS
from pintower.data.reader import fingerprint, read_dataset
from pintower.errors import DatasetError

TABLES: dict[str, list[dict[str, Any]]] = {
    "pins": [
        {"pin_id": "a", "title": '15" laptop, "new"', "board_titles": ["home", "red"],
         "updated_at": "2026-01-31T12:00:00", "v": [0.5, 1.0], "price": "3"},
        {"pin_id": "b", "title": "x" * 200_000, "board_titles": None, "updated_at": None,
         "v": None, "price": None},
    ],
    "judgments": [
        {"query": 'tv "55', "pin_id": "a", "level": 5, "language": "en", "split": "train"},
        {"query": "a, b\tc", "pin_id": "b", "level": 1, "language": None, "split": None},
    ],
    "impressions": [{"query": "tv", "pin_id": "b", "timestamp": 5, "engagement": "save"}],
    "query_log": [{"query": "tv", "count": 2}, {"query": "ＴＶ é", "count": 1}],
    "queries": [{"query": "tv", "topic": [0.5, -1.0]}, {"query": "sofa", "topic": None}],
}  # fmt: skip


def write(folder: Path, table: str, ending: str, rows: list[dict[str, Any]]) -> Path:
    """Write a table as polars, json and csv.writer do."""
    path = folder / f"{table}.{ending}"
    if ending == "parquet":
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)
        return path
    text = io.StringIO(newline="")
    if ending.startswith("jsonl"):
        text.writelines(json.dumps(row) + "\n" for row in rows)
    else:
        writer = csv.writer(text, delimiter="\t" if ending.startswith("tsv") else ",")
        cells = [[json.dumps(v) if isinstance(v, list) else v for v in r.values()] for r in rows]
        writer.writerows([list(rows[0]), *cells])
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_table_is_the_same_in_every_format(tmp_path: Path, ending: str) -> None:
    expected, found = tmp_path / "expected", tmp_path / "found"
    for folder, suffix in ((expected, "parquet"), (found, ending)):
        folder.mkdir()
        for table, rows in TABLES.items():
            write(folder, table, suffix, rows)
    first, second = read_dataset(expected), read_dataset(found)
    for table in TABLES:
        assert getattr(first, table).equals(getattr(second, table)), table
    assert second.pins["v"].to_list() == [[0.5, 1.0], None]
    assert second.pins["board_titles"].to_list() == [["home", "red"], []]
    before = fingerprint(found)
    write(found, "query_log", ending, TABLES["query_log"][:1])
    assert fingerprint(found) != before


PIN = '{"pin_id": "a", "title": "x"}\n'
JUDGED = "query\tpin_id\tlevel\nred sofa\ta\t5\n"


def refuse(folder: Path, name: str, content: str | bytes, *parts: str) -> None:
    if not name.startswith("pins."):
        (folder / "pins.jsonl").write_text(PIN)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DatasetError) as caught:
        read_dataset(folder, judgments_required=False)
    for part in (name, *parts):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("judgments.tsv", JUDGED.replace("\t", ","), ("line 1", "commas separate", "tabs")),
        ("judgments.tsv", JUDGED.replace("\t", ";"), ("line 1", "semicolons separate")),
        ("judgments.csv", JUDGED, ("line 1", "tabs separate", "commas are expected")),
        ("judgments.csv", JUDGED.replace("\t", ";"), ("line 1", "semicolons separate")),
        ("judgments.csv", '"query";"pin_id"\n"x";"a"\n', ("line 1", "semicolons separate")),
        ("judgments.csv", JUDGED.replace("\t", "|"), ("line 1", "bars separate")),
        ("judgments.tsv", JUDGED.split("\n")[1], ("line 1", "must name the columns", "red sofa")),
        ("judgments.tsv", JUDGED.title(), ("'Query' must be spelled 'query'",)),
        ("query_log.tsv", 'query\ntv\n\n""\nsofa\n', ("no query (rows 2, the first on line 4)",)),
        ("judgments.tsv", "\n\nx\ta\t5\n", ("line 3", "must name the columns")),
        ("judgments.tsv", "query\tquery\tpin_id\tlevel\n", ("line 1", "named twice")),
        ("judgments.csv", '"query","query"\nx,y\n', ("line 1", "named twice")),
        ("query_log.csv", "query\nred, blue\n", ("line 2", "2 fields", "not in quotes")),
        ("judgments.tsv", JUDGED.encode("utf-16"), ("UTF-16",)),
        ("judgments.tsv", JUDGED.encode("utf-16-le"), ("UTF-16",)),
        ("judgments.jsonl", PIN.encode("utf-16-be"), ("UTF-16",)),
        ("judgments.jsonl", PIN.encode("utf-32"), ("UTF-32",)),
        ("judgments.jsonl", '{"query": "é"}'.encode("latin-1"), ("line 1", "UTF-8", "0xe9")),
        ("judgments.csv", "query,level\né,3\n".encode("latin-1"), ("line 2", "UTF-8", "0xe9")),
        ("judgments.tsv", JUDGED.replace("sofa", "so\0fa"), ("line 2", "NUL")),
        ("judgments.jsonl", '{"query": "so\0fa"}', ("line 1", "control character")),
        ("judgments.jsonl", '{"query": "x"}\r{"query": "y"}\r', ("line 1", "line feed")),
        ("judgments.jsonl", f"[{PIN}]", ("line 1", "array")),
        ("judgments.jsonl", '{"query": "x", "level": 1, "level": 5}', ("line 1", "'level' occurs")),
        ("judgments.jsonl", '\n{"query": "\\ud800"}', ("line 2", "lone surrogate")),
        ("judgments.jsonl", '{"query": "x", "\\udc00": 1}', ("line 1", "lone surrogate")),
        ("judgments.jsonl", f'{{"query": {"[" * 200_000}', ("line 1", "recursion depth")),
        ("judgments.jsonl", f'{{"level": {"9" * 5000}}}', ("line 1", "4300 digits")),
        ("pins.csv", "pin_id,board_titles\na,\"['x']\"\n", ("row 1 (line 2)", '["home", "red"]')),
        ("pins.csv", "pin_id,board_titles\na,home|red\n", ("row 1 (line 2)", "home|red")),
        ("pins.tsv", 'pin_id\ttitle\tv\na\tx\t[1.0, NaN]\n', ("row 1 (line 2)", "'v'", "NaN")),
        ("judgments.csv", '\n"query",pin_id,level\n"a\nb",a,5\nc,a,6\n', ("row 2 (line 5)", "'6'")),
        ("judgments.tsv", "version https://git-lfs.github.com/spec/v1\n", ("Git LFS pointer",)),
        ("judgments.parquet", "version https://git-lfs.github.com/spec/v1\n", ("Git LFS pointer",)),
        ("judgments.csv", "\n<!DOCTYPE html><html>", ("web page",)),
        ("judgments.csv", b"PK\x03\x04 and more", ("a zip file or a spreadsheet",)),
        ("judgments.jsonl", gzip.compress(b"x"), ("a gzip file",)),
        ("judgments.jsonl.gz", PIN, ("not a whole gzip file",)),
        ("judgments.tsv.gz", JUDGED, ("cannot be unpacked",)),
        ("judgments.csv.gz", gzip.compress(b"query,pin_id\n" * 99)[:-9], ("cut off",)),
        ("judgments.parquet", PIN, ("cannot be read as parquet",)),
        ("pins.csv", PIN, ("pins.csv and pins.jsonl", "Keep one")),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_should_be_is_told(
    tmp_path: Path, name: str, content: str | bytes, parts: tuple[str, ...]
) -> None:
    if "Keep one" in parts:
        (tmp_path / "pins.jsonl").write_text(PIN)
    refuse(tmp_path, name, content, *parts)


@pytest.mark.parametrize("name", ["judgments.tsv", "judgments.jsonl", "judgments.csv"])
def test_parquet_under_another_name_is_told(tmp_path: Path, name: str) -> None:
    data = io.BytesIO()
    pl.DataFrame({"query": ["x"]}).write_parquet(data)
    refuse(tmp_path, name, data.getvalue(), "a parquet file")


def test_a_column_twice_in_parquet_is_refused(tmp_path: Path) -> None:
    table = pa.table([["a"], ["x"], ["y"]], names=["pin_id", "title", "title"])
    pq.write_table(table, tmp_path / "pins.parquet")
    with pytest.raises(DatasetError, match=r"pins\.parquet"):
        read_dataset(tmp_path, judgments_required=False)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("judgements.tsv", "judgments"),
        ("Judgments.TSV", "judgments"),
        ("judgments.txt", "judgments"),
        ("query-log.tsv", "query_log"),
        ("querylog.jsonl", "query_log"),
        ("impression.csv", "impressions"),
    ],
)
def test_a_table_under_another_name_is_told(tmp_path: Path, name: str, table: str) -> None:
    """It would be left out without a word, and the student fitted without its judgments."""
    (tmp_path / "pins.jsonl").write_text(PIN)
    (tmp_path / name).write_text(JUDGED)
    with pytest.raises(DatasetError, match=rf"{name} is not read: {table} can be {table}\.parquet"):
        read_dataset(tmp_path, judgments_required=False)


def test_files_of_other_names_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "pins.jsonl").write_text(PIN)
    (tmp_path / "judgments.tsv").write_text(JUDGED)
    for name in ("README.md", "pins_old.jsonl", "judgments-2025.tsv", "LICENSE", "topics.tsv"):
        (tmp_path / name).write_text("x")
    assert len(read_dataset(tmp_path).judgments) == 1


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "pins.jsonl").write_text(PIN)
    (tmp_path / "judgments.tsv").symlink_to(tmp_path / "gone")
    with pytest.raises(DatasetError, match=r"judgments\.tsv is a link to nothing"):
        read_dataset(tmp_path, judgments_required=False)


def test_a_folder_named_like_a_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "pins.parquet").mkdir()
    write(tmp_path / "pins.parquet", "part-0", "parquet", TABLES["pins"])
    with pytest.raises(DatasetError, match=r"pins\.parquet is a folder; a table .* is one file"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff{0}\r\n\r\n{1}", "{0}\n\n  \n{1}\n\n", "\n{0}\n{1}", "{0}\r\n{1}\r\n",
    ],
)  # fmt: skip
def test_marks_blank_lines_and_line_ends_change_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "pins.jsonl").write_text(text.format(PIN.strip(), PIN.strip().replace("a", "b")),
                                         newline="")  # fmt: skip
    lines = JUDGED.strip().split("\n")
    (tmp_path / "judgments.tsv").write_text(text.format(*lines), newline="")
    (tmp_path / "query_log.csv").write_text(text.format("query", "tv"), newline="")
    data = read_dataset(tmp_path, judgments_required=False)
    assert data.pins["pin_id"].to_list() == ["a", "b"]
    assert data.query_log["query"].to_list() == ["tv"]
    assert data.judgments["query"].to_list() == ["red sofa"]


def test_blanks_in_a_header_and_an_index_column_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "pins.jsonl").write_text(PIN)
    (tmp_path / "judgments.csv").write_text(", query ,pin_id,level\n0,red sofa,a,5\n")
    assert read_dataset(tmp_path).judgments["query"].to_list() == ["red sofa"]


@pytest.mark.parametrize("cell", ["zzz", "[0.5 1.5]"])
def test_a_column_of_some_vectors_is_told_and_not_used(
    tmp_path: Path, cell: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "pins.csv").write_text(f'pin_id,title,v\na,x,"[0.5, 1.5]"\nb,y,{cell}\n')
    with caplog.at_level(logging.WARNING):
        pins = read_dataset(tmp_path, judgments_required=False).pins
    assert "v" not in pins.columns
    assert f"row 2 (line 3): v '{cell}'" in caplog.text
    with pytest.raises(DatasetError, match=r"row 2 \(line 3\): v "):
        read_dataset(tmp_path, judgments_required=False, feature_columns=["v"])
