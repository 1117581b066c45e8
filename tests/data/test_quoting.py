"""A TSV says what its writer meant, and a quote that no writer put there stays a character."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pintower.data.delimited import read_csv, read_tsv
from pintower.data.quoting import is_escaped, is_written_quoted, unquote
from pintower.errors import DatasetError

QUOTING = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]


def written(rows: list[list[str]], delimiter: str, quoting: int) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=quoting).writerows([["query", "pin_id"], *rows])
    return text.getvalue().encode()


def tables(characters: str) -> st.SearchStrategy[list[list[str]]]:
    field = st.text(characters, min_size=1, max_size=8)
    return st.lists(st.lists(field, min_size=2, max_size=2), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ('"15"" laptop stand"', '15" laptop stand'),
        ('"best laptop"', "best laptop"),
        ('"""best laptop"""', '"best laptop"'),
        ('""', ""),
        ('""""', '"'),
        ('"best', '"best'),
        ('15" laptop', '15" laptop'),
        ('laptop 15"', 'laptop 15"'),
        ('"best" and "worst"', '"best" and "worst"'),
        ('"', '"'),
        ('"""', '"""'),
        (' "x"', ' "x"'),
    ],
)
def test_a_field_is_unquoted_if_all_its_quotes_are_a_writers(field: str, said: str) -> None:
    assert unquote(field) == said


def test_quotes_behind_backslashes_are_known_as_such() -> None:
    assert is_escaped('"15\\" laptop"')
    assert is_escaped('"15\\""')
    assert not is_escaped('15\\" laptop')
    assert not is_escaped('"C:\\"')


def test_a_text_is_written_quoted_if_no_quote_is_left_over() -> None:
    assert is_written_quoted('a\t"b ""c""\td\ne"\nf\t"g"')
    assert not is_written_quoted('a\t"b\nc\t15" d')
    assert not is_written_quoted('"a" b\tc')


@pytest.mark.parametrize("quoting", QUOTING)
@pytest.mark.parametrize("separator", ["\t", ","])
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.one_of(tables('ab" ,\t\\;'), tables('ab" ,\n\\;')))
def test_what_csv_writer_writes_is_read_or_refused(
    tmp_path: Path, rows: list[list[str]], separator: str, quoting: int
) -> None:
    """Never another text: a file that could mean two things may be refused, with its line."""
    path = tmp_path / ("a.tsv" if separator == "\t" else "a.csv")
    path.write_bytes(written(rows, separator, quoting))
    kept = [[field or None for field in row] for row in rows if any(f.strip() for f in row)]
    try:
        rows_read = read_tsv(path, {}) if separator == "\t" else read_csv(path, ",", {})
    except DatasetError as error:
        assert ", line " in str(error)
        assert "\\" in "".join(map("".join, rows))
        return
    assert [list(row) for row in rows_read.frame.rows()] == kept


@pytest.mark.parametrize("quoting", QUOTING)
def test_a_tsv_of_csv_writer_may_hold_tabs_and_lines(tmp_path: Path, quoting: int) -> None:
    rows = [['15" laptop', "a"], ["red\tshoes", "b"], ["two\nlines", "c"], ['"best"\n\tx', "d"]]
    path = tmp_path / "a.tsv"
    path.write_bytes(written(rows, "\t", quoting))
    read = read_tsv(path, {})
    assert [list(row) for row in read.frame.rows()] == rows
    assert read.origin.at(4).endswith("row 4 (line 6)")


def test_a_plain_tsv_keeps_its_quotes(tmp_path: Path) -> None:
    queries = ['"best laptop', '15" laptop', 'laptop 15"', '"a" b "c"', 'the "x"', '"']
    path = tmp_path / "a.tsv"
    path.write_text("query\tpin_id\n" + "".join(f"{query}\ta\n" for query in queries))
    assert read_tsv(path, {}).frame["query"].to_list() == queries


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('query\tpin_id\n"15\\" laptop"\ta\n', "line 2: a backslash before a quote"),
        ('query\tpin_id\nx\ta\n"15\\""\ta\n', "line 3: a backslash before a quote"),
        ('query\tpin_id\n"best\tlaptop\ta\n15" x\tb\n', "line 2: 3 fields"),
        ('"query"\t"pin_id"\n"best\t"a"\n', "line 2: "),
        ("query\tpin_id\nred\rshoes\ta\n", "line 2: a carriage return"),
        ("query\tpin_id\rred\ta\r", "line 1: a carriage return"),
        ('query\n"red\nshoes"\ntv\n', "line 2: this quote may hold several lines"),
    ],
)
def test_what_may_mean_two_things_is_refused_with_its_line(
    tmp_path: Path, text: str, part: str
) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(text, newline="")
    with pytest.raises(DatasetError, match=part):
        read_tsv(path, {})


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('query,pin_id\n"15\\" laptop",a\n', "line 2: a backslash before a quote"),
        ('query,pin_id\nx,a\n"15\\"",a\n"y",b\n', "line 3: a backslash before a quote"),
    ],
)
def test_a_csv_with_backslashes_before_quotes_is_refused(
    tmp_path: Path, text: str, part: str
) -> None:
    """As Spark and R write it; read as a CSV it would be another text."""
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=part):
        read_csv(path, ",", {})


def test_a_path_that_ends_in_a_backslash_is_no_escape(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('query,pin_id\n"C:\\",a\n')
    assert read_csv(path, ",", {}).frame.rows() == [("C:\\", "a")]
