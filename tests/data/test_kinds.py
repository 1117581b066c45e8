"""One rule for a value holds in every format: what is absent, what is text, what is refused."""

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import lance
import polars as pl
import pyarrow as pa
import pytest

from pintower.data import jsonl
from pintower.data.catalogue import open_catalogue
from pintower.data.reader import Dataset, read_dataset
from pintower.errors import DatasetError

NAN = float("nan")
PIN = {"pin_id": "a", "title": "oak shelf", "description": "wood"}


def lines(*rows: dict[str, Any] | str) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def dataset(folder: Path, *rows: dict[str, Any] | str, **tables: str) -> Dataset:
    """Read JSON lines of pins, and other tables by their file's name (judgments__tsv)."""
    (folder / "pins.jsonl").write_text(lines(*rows), "utf-8")
    for name, text in tables.items():
        (folder / name.replace("__", ".")).write_text(text, "utf-8")
    return read_dataset(folder, judgments_required=False)


def embedded(path: Path, vectors: list[str] | None = None) -> pl.DataFrame:
    return pl.concat(list(open_catalogue(str(path), vectors or []).batches()))


@pytest.mark.parametrize("absent", ["NaN", "null"])
@pytest.mark.parametrize(
    ("name", "hole"),
    [("title", ""), ("description", ""), ("caption", ""), ("language", ""), ("country", ""),
     ("board_titles", []), ("engaged_queries", []), ("updated_at", None)],
)  # fmt: skip
def test_nan_and_null_are_absent(tmp_path: Path, name: str, hole: object, absent: str) -> None:
    """A pandas hole must not be embedded as the word "nan"."""
    row = '{"pin_id": "b", "title": "x", "' + name + '": ' + absent + "}"
    row = row.replace('"title": "x", "title"', '"title"')
    given = PIN | {"board_titles": ["x"], "engaged_queries": ["x"], "updated_at": 5}
    data = dataset(tmp_path, given, row)
    assert data.pins[name].to_list()[1] == hole
    assert embedded(tmp_path / "pins.jsonl")[name].to_list()[1] == hole


def test_nan_items_of_lists_are_absent(tmp_path: Path) -> None:
    data = dataset(
        tmp_path,
        '{"pin_id": "a", "title": "x", "board_titles": ["wood", NaN, null, " "]}',
        '{"pin_id": "b", "title": "x", "board_titles": [NaN]}',
        '{"pin_id": "c", "title": "x", "board_titles": []}',
    )
    assert data.pins["board_titles"].to_list() == [["wood"], [], []]


WRONG = [
    ("title", "Infinity", "inf"), ("description", "-Infinity", "-inf"), ("caption", "3", "3"),
    ("title", "1.5", "1.5"), ("description", "true", "True"), ("title", '{"en": "x"}', "{'en'"),
    ("title", '["x"]', "['x']"), ("language", "3", "3"), ("country", "false", "False"),
    ("pin_id", "1.0", "1.0"), ("pin_id", "true", "True"), ("pin_id", '["a"]', "['a']"),
    ("pin_id", "Infinity", "inf"), ("pin_id", "1" + "0" * 40, "1000"),
    ("board_titles", '"wood"', "'wood'"), ("board_titles", "3", "3"),
    ("board_titles", '["wood", 3]', "['wood', 3]"), ("engaged_queries", "[1.5]", "[1.5]"),
    ("engaged_queries", '[["x"]]', "[['x']]"), ("board_titles", '{"x": 1}', "{'x': 1}"),
    ("board_titles", "[true]", "[True]"), ("updated_at", "true", "True"),
    ("updated_at", "Infinity", "inf"), ("updated_at", "[5]", "[5]"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "shown"), WRONG)
@pytest.mark.parametrize("mixed", [True, False], ids=["mixed", "alone"])
def test_another_type_is_refused_with_its_line(
    tmp_path: Path, name: str, value: str, shown: str, mixed: bool
) -> None:
    row = json.dumps({"pin_id": "b", "title": "x"} | {name: "@"}).replace('"@"', value)
    good = {"board_titles": ["x"], "engaged_queries": ["x"], "updated_at": 5, "language": "en"}
    first = "" if not mixed else json.dumps(PIN | good | {"country": "us"})
    for read in (lambda: dataset(tmp_path, first, row), lambda: embedded(tmp_path / "pins.jsonl")):
        with pytest.raises(DatasetError) as caught:
            read()
        for part in ("pins.jsonl, row", "(line 2)", f": {name} {shown}", "allowed"):
            assert part in str(caught.value).replace("are expected", "allowed")


@pytest.mark.parametrize("packed", [True, False])
def test_a_catalogue_of_json_lines_has_the_same_rules(tmp_path: Path, packed: bool) -> None:
    text = lines(PIN, '{"pin_id": "b", "title": "x", "description": NaN}').encode()
    path = tmp_path / ("a.jsonl.gz" if packed else "a.jsonl")
    path.write_bytes(gzip.compress(text) if packed else text)
    assert embedded(path)["description"].to_list() == ["wood", ""]


def write_table(table: pa.Table, path: Path) -> Path:
    if path.suffix == ".lance":
        lance.write_dataset(table, path)
    else:
        pl.DataFrame(pl.from_arrow(table)).write_parquet(path)
    return path


@pytest.mark.parametrize("ending", ["parquet", "lance"])
def test_typed_columns_of_nothing_but_nan_are_absent(tmp_path: Path, ending: str) -> None:
    """Pandas gives an object column that holds NaN alone the type double."""
    table = pa.table(
        {"pin_id": ["a", "b"], "title": ["x", "y"], "description": pa.array([NAN, None]),
         "board_titles": pa.array([[NAN], []], pa.list_(pa.float64())),
         "updated_at": pa.array([NAN, 5.0]), "v": [[0.5], [1.5]]}
    )  # fmt: skip
    path = write_table(table, tmp_path / f"pins.{ending}")
    frames = [embedded(path, ["v"])]
    if ending == "parquet":
        frames.append(read_dataset(tmp_path, judgments_required=False).pins)
    for pins in frames:
        assert pins["description"].to_list() == ["", ""]
        assert pins["board_titles"].to_list() == [[], []]
        assert pins["updated_at"].is_null().to_list() == [True, False]


@pytest.mark.parametrize("ending", ["parquet", "lance"])
@pytest.mark.parametrize(
    ("name", "values", "shown"),
    [
        ("description", pa.array([None, 2.5]), "description 2.5"),
        ("description", pa.array([None, 2]), "description 2"),
        ("title", pa.array([None, True]), "title True"),
        ("caption", pa.array([None, {"en": "x"}]), "caption {'en': 'x'}"),
        ("caption", pa.array([None, b"x"]), "caption b'x'"),
        ("pin_id", pa.array([NAN, 2.0]), "pin_id 2.0"),
        ("board_titles", pa.array([[], [3]]), "board_titles [3]"),
        ("board_titles", pa.array([None, "wood"]), "board_titles 'wood'"),
    ],
)
def test_typed_columns_of_another_type_are_refused_with_their_row(
    tmp_path: Path, ending: str, name: str, values: pa.Array, shown: str
) -> None:
    columns = {"pin_id": pa.array(["a", "b"]), "title": pa.array(["x", "y"])} | {name: values}
    path = write_table(pa.table(columns), tmp_path / f"pins.{ending}")
    with pytest.raises(DatasetError, match=r"row 2: " + shown.replace("[", r"\[")):
        embedded(path)
    if ending == "parquet":
        with pytest.raises(DatasetError, match=r"row 2: " + shown.replace("[", r"\[")):
            read_dataset(tmp_path, judgments_required=False)


def test_whole_numbers_of_any_length_are_ids(tmp_path: Path) -> None:
    rows = [{"pin_id": value, "title": "x"} for value in (7, "8", 2**63, -1)]
    assert dataset(tmp_path, *rows).pins["pin_id"].to_list() == [
        "7", "8", "9223372036854775808", "-1",
    ]  # fmt: skip
    with pytest.raises(DatasetError, match="more than once, such as '7'"):
        dataset(tmp_path, {"pin_id": 7, "title": "x"}, {"pin_id": "7", "title": "y"})


@pytest.mark.parametrize("value", ["NaN", "null", '""', '"  "'])
def test_a_pin_without_an_id_is_told_with_its_line(tmp_path: Path, value: str) -> None:
    with pytest.raises(DatasetError, match=r"1 rows have no pin_id \(rows 2, the first on line 4"):
        dataset(tmp_path, PIN, "\n", f'{{"pin_id": {value}, "title": "x"}}')


def test_an_id_with_blanks_around_it_is_refused(tmp_path: Path) -> None:
    """No request for the plain id would find it."""
    with pytest.raises(DatasetError, match=r"row 1 \(line 1\): pin_id ' a' has blanks"):
        dataset(tmp_path, {"pin_id": " a", "title": "x"})
    with pytest.raises(DatasetError, match=r"row 1 \(line 2\): pin_id 'a ' has blanks"):
        dataset(tmp_path, PIN, judgments__tsv="query\tpin_id\tlevel\nq\ta \t3\n")


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ({"level": NAN}, "level nan"), ({"level": None}, "level None"), ({}, "level None"),
        ({"level": 3.5}, "level 3.5"), ({"level": True}, "level True"), ({"level": 0}, "level 0"),
        ({"level": [3]}, r"level \[3\]"), ({"level": "three"}, "level 'three'"),
        ({"level": 3, "query": 501}, "query 501"), ({"level": 3, "query": True}, "query True"),
        ({"level": 3, "pin_id": 1.0}, "pin_id 1.0"), ({"level": 3, "split": 1}, "split 1"),
        ({"level": 3, "query": {"x": 1}}, "query {'x': 1}"),
    ],
)  # fmt: skip
def test_judgments_of_another_type_are_refused(
    tmp_path: Path, row: dict[str, Any], shown: str
) -> None:
    pair = {"query": "q", "pin_id": "a"}
    text = lines(pair | {"level": 3}, "", pair | row)
    with pytest.raises(DatasetError, match=rf"judgments.jsonl, row 2 \(line 3\): {shown}"):
        dataset(tmp_path, PIN, judgments__jsonl=text)


def test_levels_may_be_written_as_any_whole_number(tmp_path: Path) -> None:
    rows = [{"query": f"q{n}", "pin_id": "a", "level": v} for n, v in enumerate((3, "4", 5.0))]
    data = dataset(tmp_path, PIN, judgments__jsonl=lines(*rows))
    assert data.judgments["level"].to_list() == [3, 4, 5]


@pytest.mark.parametrize("count", [NAN, None, -1, 0, 1.5, True, "many", float("inf")])
def test_counts_are_whole_numbers_from_1(tmp_path: Path, count: object) -> None:
    rows = lines({"query": "q", "count": 2}, {"query": "r", "count": count})
    with pytest.raises(DatasetError, match=r"query_log.jsonl, row 2 \(line 2\): count .*from 1"):
        dataset(tmp_path, PIN, query_log__jsonl=rows)


def test_a_time_that_is_nan_is_absent_and_no_other_thing_is(tmp_path: Path) -> None:
    rows = [{"query": "late", "timestamp": 9}, {"query": "never", "timestamp": NAN},
            {"query": "early", "timestamp": "1970-01-01"}]  # fmt: skip
    data = dataset(tmp_path, PIN, query_log__jsonl=lines(*rows))
    assert data.query_log.rows() == [("early", 0), ("late", 9), ("never", None)]
    for wrong in (True, -(2**63), float("-inf"), [1]):
        rows[0]["timestamp"] = wrong
        with pytest.raises(DatasetError, match=r"row 1 \(line 1\): timestamp .*ISO 8601"):
            dataset(tmp_path, PIN, query_log__jsonl=lines(*rows))


@pytest.mark.parametrize(
    ("value", "meant"),
    [(1, "click"), (0, "none"), (True, "click"), (False, "none"), ("0.0", "none"),
     ("1.0", "click"), ("True", "click"), ("false", "none"), ("SAVE", "save"), (NAN, None),
     (" ", None)],
)  # fmt: skip
def test_engagement_is_a_word_or_a_truth_value(
    tmp_path: Path, value: object, meant: str | None
) -> None:
    """Pandas writes False or 0.0 for no click, which must not count as one."""
    row = {"query": "q", "pin_id": "a", "engagement": value}
    data = dataset(tmp_path, PIN, impressions__jsonl=lines(row, row | {"engagement": "hide"}))
    assert data.impressions["engagement"].to_list() == [meant, "hide"]


@pytest.mark.parametrize("value", [2, -1, 0.5, "2", "-1", "0.5", [1], {"x": 1}])
def test_engagement_of_another_number_is_refused(tmp_path: Path, value: object) -> None:
    row = {"query": "q", "pin_id": "a", "engagement": value}
    with pytest.raises(DatasetError, match=r"impressions.jsonl, row 1 \(line 1\): engagement "):
        dataset(tmp_path, PIN, impressions__jsonl=lines(row))


def test_vectors_are_lists_of_numbers_in_every_row(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [PIN | {"v": [0.5, 1]}, {"pin_id": "b", "title": "x", "v": NAN},
            {"pin_id": "c", "title": "x", "v": "none"}]  # fmt: skip
    assert dataset(tmp_path, *rows[:2]).pins["v"].to_list() == [[0.5, 1.0], None]
    with caplog.at_level(logging.WARNING):
        assert "v" not in dataset(tmp_path, *rows).pins.columns
    assert "row 3 (line 3): v 'none'" in caplog.text
    for read in (
        lambda: read_dataset(tmp_path, feature_columns=["v"], judgments_required=False),
        lambda: embedded(tmp_path / "pins.jsonl", ["v"]),
    ):
        with pytest.raises(DatasetError, match=r"row 3 \(line 3\): v 'none'; a list of numbers"):
            read()
    with pytest.raises(DatasetError, match=r"row 1 \(line 1\): 'v' holds a null, NaN"):
        dataset(tmp_path, PIN | {"v": [0.5, NAN]})


def test_text_that_tools_write_for_nothing_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The text "nan" is text, such as of bread; a whole column of it is a hole."""
    with caplog.at_level(logging.WARNING):
        data = dataset(tmp_path, PIN | {"title": "nan"}, {"pin_id": "None", "title": "bread"},
                       query_log__jsonl=lines({"query": "nan"}))  # fmt: skip
    assert data.pins["title"].to_list() == ["nan", "bread"]
    for name in ("pin_id", "title", "query"):
        assert f"{name} is nan, None, null or the like 1 times" in caplog.text
    caplog.clear()
    embedded(tmp_path / "pins.jsonl")
    assert "title is nan, None, null or the like 1 times" in caplog.text


@pytest.mark.parametrize("spelled", ["Title", " title", "TITLE", "Board Titles", "board-titles"])
def test_a_column_under_another_spelling_is_refused(tmp_path: Path, spelled: str) -> None:
    """Its text would be lost, since columns that nobody knows are left out."""
    row = {"pin_id": "a", "description": "x", spelled: "y"}
    for read in (lambda: dataset(tmp_path, row), lambda: embedded(tmp_path / "pins.jsonl")):
        with pytest.raises(DatasetError, match=f"the column '{spelled}' must be spelled '"):
            read()
    (tmp_path / "pins.jsonl").unlink()
    pl.DataFrame([row]).write_parquet(tmp_path / "pins.parquet")
    for read in (
        lambda: read_dataset(tmp_path, judgments_required=False),
        lambda: embedded(tmp_path / "pins.parquet"),
    ):
        with pytest.raises(DatasetError, match=f"the column '{spelled}' must be spelled '"):
            read()
    both = row | {"title": "z", "board_titles": ["z"]}
    (tmp_path / "pins.parquet").unlink()
    assert dataset(tmp_path, both).pins["title"].to_list() == ["z"]


def test_categories_are_text_and_may_write_levels(tmp_path: Path) -> None:
    (tmp_path / "pins.jsonl").write_text(lines(PIN))
    words = pl.DataFrame({"query": ["q", "r"], "pin_id": ["a", "a"], "level": ["3", "5"]})
    words.with_columns(pl.all().cast(pl.Categorical)).write_parquet(tmp_path / "judgments.parquet")
    assert read_dataset(tmp_path).judgments.select("query", "level").rows() == [("q", 3), ("r", 5)]


@pytest.mark.parametrize(
    ("table", "row", "more"),
    [("judgments", {"query": "q", "pin_id": "a"}, {"level": 3}),
     ("query_log", {"query": "q"}, {"count": 3})],
)  # fmt: skip
def test_a_value_that_many_lines_lack_is_missed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, row: dict[str, Any],
    more: dict[str, Any],
) -> None:  # fmt: skip
    """Lines are read in chunks, and one of them may lack a column as a whole."""
    monkeypatch.setattr(jsonl, "_CHUNK", 2)
    text = lines(row | more, row | more, row, row)
    with pytest.raises(DatasetError, match=rf"row 3 \(line 3\): {next(iter(more))} None"):
        dataset(tmp_path, PIN, **{f"{table}__jsonl": text})


def test_a_column_may_change_its_type_between_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jsonl, "_CHUNK", 1)
    rows = [PIN | {"v": [0.5]}, {"pin_id": 7, "title": "x", "v": "none"}]
    with caplog.at_level(logging.WARNING):
        pins = dataset(tmp_path, *rows, {"pin_id": "c", "description": "y"}).pins
    assert pins["pin_id"].to_list() == ["a", "7", "c"]
    assert "v" not in pins.columns
    assert "row 2 (line 2): v 'none'" in caplog.text
