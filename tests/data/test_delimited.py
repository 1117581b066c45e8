"""Delimited text is read as its writers meant it, and a broken file is told with its line."""

import gzip
from pathlib import Path

import pytest

from pintower.data.delimited import read_csv, read_tsv
from pintower.errors import DatasetError


def write(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_quoted_field_may_hold_separators_lines_and_quotes(tmp_path: Path) -> None:
    text = 'id,text\r\n1,"a, ""b""\nand c"\r\n\r\n2,"d" e\r\n3,24" tv\r\n4,\r\n'
    table = read_csv(write(tmp_path, text), ",", {}).frame
    assert table["id"].to_list() == ["1", "2", "3", "4"]
    assert table["text"].to_list() == ['a, "b"\nand c', "d e", '24" tv', None]


def test_gzip_byte_order_mark_and_a_missing_last_newline_change_nothing(tmp_path: Path) -> None:
    plain = read_csv(write(tmp_path, "a\tb\n1\tx\n2\ty\n"), "\t", {}).frame
    packed = write(tmp_path, gzip.compress("\ufeffa\tb\n1\tx\n2\ty".encode()), "table.csv.gz")
    assert read_csv(packed, "\t", {}).frame.equals(plain)
    assert read_tsv(packed, {}).frame.equals(plain)


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    commas, tabs = write(tmp_path, "a,b\n"), write(tmp_path, "a\tb\n", "table.tsv")
    for rows in (read_csv(commas, ",", {}), read_tsv(tabs, {})):
        assert rows.frame.columns == ["a", "b"]
        assert rows.frame.is_empty()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("id,text,n\n1,a,2\n2,b", ("line 3", "2 fields", "header has 3", "cut off")),
        ("id,text\n1,a,b\n", ("line 2", "3 fields", "header has 2")),
        ('id,text\n1,"a\nb"\n\n2,"cut in\nthe mid', ("line 5", "never ends", "cut off")),
        ('id,text\n1,"a\n2,b\n3,c\n', ("line 2", "never ends", "quote is missing")),
        ("id,id\n1,2\n", ("line 1", "named twice", "id, id")),
        (b"id,text\n1,a\n2,\xe9\n", ("line 3", "UTF-8", "0xe9")),
    ],
)
def test_a_broken_csv_is_refused_with_its_line(
    tmp_path: Path, text: str | bytes, parts: tuple[str, ...]
) -> None:
    with pytest.raises(DatasetError) as caught:
        read_csv(write(tmp_path, text), ",", {})
    for part in ("table.csv", *parts):
        assert part in str(caught.value)


def test_a_cut_gzip_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b"a,b\n1,2\n" * 99)[:-9], "table.csv.gz")
    for read in (lambda: read_csv(path, ",", {}), lambda: read_tsv(path, {})):
        with pytest.raises(DatasetError, match=r"table\.csv\.gz cannot be unpacked"):
            read()
