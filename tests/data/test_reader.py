"""The reader takes every documented form of a dataset folder and refuses what is broken."""

import gzip
import json
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from pintower.data.reader import fingerprint, read_dataset
from pintower.data.tables import IMPRESSIONS, JUDGMENTS, PINS, QUERY_LOG, SCHEMAS
from pintower.errors import DatasetError

PINS_ROWS = [
    {"pin_id": "a", "title": "oak shelf", "board_titles": ["wood", ""], "v": [0.5, 1.0]},
    {"pin_id": "b", "title": None, "caption": "a red sofa", "v": None},
    {"pin_id": "c", "description": "Ölfarbe \N{SPARKLES}", "v": [0.0, -1.0]},
]
JUDGMENT_LINES = "query\tpin_id\tlevel\nred sofa\tb\t5\nred sofa\ta\t1\noak shelf\ta\t4\n"


def write_pins(folder: Path, rows: list[dict[str, object]] = PINS_ROWS) -> None:
    text = "\n".join(json.dumps(row) for row in rows)
    (folder / "pins.jsonl").write_text(text + "\n", "utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pins(tmp_path)
    (tmp_path / "judgments.tsv").write_text(JUDGMENT_LINES, "utf-8")
    return tmp_path


def refuse(folder: Path, *parts: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_dataset(folder)
    for part in parts:
        assert part in str(caught.value)


def test_reader_fills_holes_and_keeps_the_schema(folder: Path) -> None:
    data = read_dataset(folder)
    for table, frame in ((PINS, data.pins), (JUDGMENTS, data.judgments)):
        assert {**SCHEMAS[table], **frame.schema} == dict(frame.schema)
    assert data.pins["title"].to_list() == ["oak shelf", "", ""]
    assert data.pins["board_titles"].to_list() == [["wood"], [], []]
    assert data.pins["v"].to_list() == [[0.5, 1.0], None, [0.0, -1.0]]
    assert data.pins.schema["v"] == pl.List(pl.Float32)
    assert data.judgments["level"].to_list() == [5, 1, 4]
    assert data.impressions.schema == pl.Schema(SCHEMAS[IMPRESSIONS])
    assert data.query_log.schema == pl.Schema(SCHEMAS[QUERY_LOG])


def test_parquet_and_gzip_give_the_same_pins_as_json_lines(folder: Path, tmp_path: Path) -> None:
    expected = read_dataset(folder).pins
    raw = (folder / "pins.jsonl").read_bytes()
    (folder / "pins.jsonl").unlink()
    (folder / "pins.jsonl.gz").write_bytes(gzip.compress(raw))
    assert read_dataset(folder).pins.equals(expected)
    (folder / "pins.jsonl.gz").unlink()
    fixed = expected.with_columns(pl.col("v").list.to_array(2), pl.col("title").replace("", None))
    fixed.write_parquet(folder / "pins.parquet")
    assert read_dataset(folder).pins.equals(expected)


def test_whole_numbers_are_accepted_as_ids(folder: Path) -> None:
    write_pins(folder, [{"pin_id": 12, "title": "x"}, {"pin_id": 7, "title": "y"}])
    pl.DataFrame({"query": ["x"], "pin_id": [7], "level": [2.0]}).write_parquet(
        folder / "judgments.parquet"
    )
    (folder / "judgments.tsv").unlink()
    data = read_dataset(folder)
    assert data.pins["pin_id"].to_list() == ["12", "7"]
    assert data.judgments["pin_id"].to_list() == ["7"]


def test_judgments_can_be_left_out_when_only_pins_are_needed(folder: Path) -> None:
    (folder / "judgments.tsv").unlink()
    refuse(folder, "judgments.parquet", "found: pins.jsonl")
    data = read_dataset(folder, judgments_required=False)
    assert data.judgments.is_empty()
    assert data.judgments.schema == pl.Schema(SCHEMAS[JUDGMENTS])


def test_unknown_columns_are_ignored_with_one_line(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_pins(folder, [{"pin_id": "a", "title": "x", "price": 3, "extra": {"k": [1]}},
                        {"pin_id": "b", "title": "y", "price": "n/a", "extra": 4}])  # fmt: skip
    with caplog.at_level(logging.INFO):
        data = read_dataset(folder)
    assert data.pins.columns == list(SCHEMAS[PINS])
    assert [r.message for r in caplog.records if "price, extra" in r.message] != []


def test_vectors_of_whole_and_fractional_numbers_lose_nothing(folder: Path) -> None:
    write_pins(folder, [{"pin_id": "a", "title": "x", "v": [1, 2]},
                        {"pin_id": "b", "title": "y", "v": [2.5, 1]}])  # fmt: skip
    assert read_dataset(folder).pins["v"].to_list() == [[1.0, 2.0], [2.5, 1.0]]


def test_named_feature_columns_are_the_only_ones(folder: Path) -> None:
    assert "v" not in read_dataset(folder, feature_columns=()).pins.columns
    with pytest.raises(DatasetError, match=r"feature column 'w'.*v"):
        read_dataset(folder, feature_columns=("w",))


def test_times_in_every_form_are_the_same_time(folder: Path) -> None:
    stamps = ["2026-01-31T12:00:00", "2026-01-31T12:00:00Z", "1769860800", ""]
    rows = [{"pin_id": str(i), "title": "x", "updated_at": s} for i, s in enumerate(stamps)]
    write_pins(folder, rows)
    (folder / "judgments.tsv").write_text("query\tpin_id\tlevel\nx\t1\t3\n")
    noon = datetime(2026, 1, 31, 12)
    assert read_dataset(folder).pins["updated_at"].to_list() == [noon, noon, noon, None]
    write_pins(folder, [{"pin_id": "1", "title": "x", "updated_at": None}])
    assert read_dataset(folder).pins["updated_at"].to_list() == [None]
    for wrong in ("soon", 1769860800000, "1e999"):
        write_pins(folder, [{"pin_id": "1", "title": "x", "updated_at": wrong}])
        refuse(folder, "row 1", f"updated_at {wrong!r}")


def test_several_annotators_of_one_pair_become_their_median(folder: Path) -> None:
    lines = "query\tpin_id\tlevel\nq\ta\t5\nq\ta\t1\nq\ta\t2\nq\tb\t2\nq\tb\t3\n"
    (folder / "judgments.tsv").write_text(lines)
    assert read_dataset(folder).judgments["level"].to_list() == [2, 3]


def test_engagement_may_be_written_as_0_and_1(folder: Path) -> None:
    (folder / "impressions.tsv").write_text(
        "query\tpin_id\tengagement\nq\ta\t0\nq\ta\t1\nq\ta\t Save\nq\ta\t\n"
    )
    found = read_dataset(folder).impressions["engagement"].to_list()
    assert found == ["none", "click", "save", None]


def test_query_log_counts_are_expanded_the_same_way_every_time(folder: Path) -> None:
    (folder / "query_log.tsv").write_text("query\tcount\nsofa\t3\nlamp\t2\n")
    first, second = read_dataset(folder).query_log, read_dataset(folder).query_log
    assert sorted(first["query"]) == ["lamp", "lamp", "sofa", "sofa", "sofa"]
    assert first.equals(second)
    (folder / "query_log.tsv").write_text("query\tcount\nsofa\t0\n")
    refuse(folder, "row 1", "count '0'")


def test_query_log_with_timestamps_is_in_order_of_arrival(folder: Path) -> None:
    (folder / "query_log.tsv").write_text("query\ttimestamp\nlate\t20\nnever\t\nearly\t10\n")
    assert read_dataset(folder).query_log["query"].to_list() == ["early", "late", "never"]


def test_quotes_in_tsv_are_ordinary_characters(folder: Path) -> None:
    (folder / "judgments.tsv").write_text('query\tpin_id\tlevel\r\n24" "tv\ta\t5\r\n\r\n')
    assert read_dataset(folder).judgments["query"].to_list() == ['24" "tv']


@pytest.mark.parametrize("level", ["0", "6", "2.5", "high", ""])
def test_reader_refuses_levels_outside_1_to_5(folder: Path, level: str) -> None:
    (folder / "judgments.tsv").write_text(f"query\tpin_id\tlevel\nq\ta\t3\nq\tb\t{level}\n")
    refuse(folder, "row 2", repr(level) if level else "None", "1 to 5")


def tsv(name: str, text: str | bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)

    return write


def pins(*rows: dict[str, object]) -> Callable[[Path], None]:
    return lambda folder: write_pins(folder, list(rows))


def cut_gzip(folder: Path) -> None:
    raw = (folder / "pins.jsonl").read_bytes() * 50
    (folder / "pins.jsonl").unlink()
    (folder / "pins.jsonl.gz").write_bytes(gzip.compress(raw)[:-9])


def cut_parquet(folder: Path) -> None:
    (folder / "pins.jsonl").unlink()
    pl.DataFrame({"pin_id": ["a"], "title": ["x"]}).write_parquet(folder / "pins.parquet")
    whole = (folder / "pins.parquet").read_bytes()
    (folder / "pins.parquet").write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (tsv("pins.parquet", "x"), ("pins.parquet and pins.jsonl",)),
        (tsv("pins.jsonl", ""), ("pins.jsonl is empty",)),
        (tsv("pins.jsonl", "\n\n"), ("holds no rows",)),
        (tsv("judgments.tsv", "query\tpin_id\tlevel\n"), ("holds no rows",)),
        (tsv("judgments.tsv", "query\tpin_id\nq\ta\n"), ("'level'", "found: query, pin_id")),
        (tsv("judgments.tsv", "query\tpin_id\tlevel\nq\ta\n"), ("line 2", "2 fields")),
        (tsv("judgments.tsv", b"query\tpin_id\tlevel\nq\xff\ta\t3\n"), ("line 2", "UTF-8")),
        (tsv("judgments.tsv", "query\tpin_id\tlevel\nq\tz\t3\n"), ("1 rows", "'z'")),
        (tsv("judgments.tsv", "query\tpin_id\tlevel\n \ta\t3\n"), ("no query", "rows 1")),
        (tsv("impressions.tsv", "query\tpin_id\nq\tz\nq\ty\n"), ("2 rows", "'z', 'y'")),
        (
            tsv("judgments.tsv", "query\tpin_id\tlevel\tsplit\nQ\ta\t3\ttrain\nq\tb\t3\ttest\n"),
            ("'train'", "'test'"),
        ),
        (tsv("judgments.tsv", "query\tpin_id\tlevel\tsplit\nq\ta\t3\tdev\n"), ("'dev'", "train")),
        (tsv("pins.jsonl", '{"pin_id": "a"}\n{"pin_id": \n'), ("line 2", "JSON", "character 12")),
        (tsv("pins.jsonl", b'{"pin_id": "a"}\n\n{"pin_id": "\xe9"}\n'), ("line 3", "UTF-8")),
        (tsv("pins.jsonl", '["a"]\n'), ("line 1", "object")),
        (tsv("pins.jsonl", '{"pin_id": "a", "title": "\\ud800"}\n'), ("line 1", "surrogate")),
        (cut_gzip, ("pins.jsonl.gz", "cut off")),
        (cut_parquet, ("pins.parquet", "cut off")),
        (pins({"pin_id": "a"}), ("no text column", "title")),
        (pins({"title": "a"}), ("'pin_id'", "found: title")),
        (pins({"pin_id": "a", "title": " "}, {"pin_id": "b"}), ("no pin has any text",)),
        (pins({"pin_id": "a", "title": "x"}, {"pin_id": "a", "title": "y"}), ("once", "'a'")),
        (pins({"pin_id": None, "title": "x"}), ("no pin_id", "rows 1")),
        (pins({"pin_id": " ", "title": "x"}), ("no pin_id", "rows 1")),
        (pins({"pin_id": "a\0b", "title": "x"}), ("row 1", "NUL")),
        (pins({"pin_id": "é" * 128, "title": "x"}), ("row 1", "256 bytes")),
        (pins({"pin_id": 1.5, "title": "x"}), ("row 1 (line 1)", "pin_id 1.5", "whole number")),
        (pins({"pin_id": "a", "title": ["x"]}), ("row 1 (line 1)", "title ['x']", "text")),
        (
            pins({"pin_id": "a", "title": "x", "board_titles": "b"}),
            ("row 1 (line 1)", "board_titles 'b'", "a list of texts"),
        ),
        (
            pins({"pin_id": "a", "title": "x"}, {"pin_id": "b", "title": {"en": "x"}}),
            ("row 2 (line 2)", "title {'en': 'x'}", "text"),
        ),
        (
            pins({"pin_id": "a", "title": "x", "v": [0.5]},
                 {"pin_id": "b", "title": "x", "v": [0.5, 1.0]}),
            ("row 2", "'v'", "2 numbers"),
        ),
        (pins({"pin_id": "a", "title": "x", "v": [0.5, float("nan")]}), ("row 1", "'v'", "NaN")),
        (pins({"pin_id": "a", "title": "x", "v": [0.5, None]}), ("row 1", "'v'", "null")),
        (pins({"pin_id": "a", "title": "x", "v": [0.5, 1e300]}), ("row 1", "'v'", "32 bits")),
    ],
)  # fmt: skip
def test_reader_refuses_a_broken_folder_and_says_where(
    folder: Path, spoil: Callable[[Path], None], parts: tuple[str, ...]
) -> None:
    spoil(folder)
    refuse(folder, *parts)


def test_reader_refuses_a_missing_folder(tmp_path: Path) -> None:
    refuse(tmp_path / "nowhere", "nowhere", "missing")


def test_fingerprint_follows_the_contents_of_the_tables_alone(folder: Path) -> None:
    before = fingerprint(folder)
    (folder / "notes.txt").write_text("nothing to do with it")
    assert fingerprint(folder) == before
    (folder / "judgments.tsv").write_text(JUDGMENT_LINES.replace("4", "5"))
    assert fingerprint(folder) != before


@pytest.mark.parametrize("name", ["judgments.xlsx", "query_log.csv.bz2", "impressions.txt"])
def test_a_table_in_a_format_that_is_not_read_is_no_table_left_out(folder: Path, name: str) -> None:
    table = name.split(".")[0]
    (folder / "judgments.tsv").rename(folder / name)
    if table != "judgments":
        (folder / "judgments.tsv").write_text(JUDGMENT_LINES, "utf-8")
    refuse(folder, name, f"{table}.parquet or {table}.tsv", "Convert it")
    if table != "judgments":  # one that is read stands beside it
        (folder / f"{table}.tsv").write_text(
            "query\tpin_id\ttimestamp\tengagement\nred sofa\tb\t5\tsave\n"
            if table == "impressions" else "query\tcount\nred sofa\t2\n",
            "utf-8",
        )  # fmt: skip
        read_dataset(folder)
