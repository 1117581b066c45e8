"""MSRD: movies become pins, crowd grades become levels."""

import gzip
import json
import logging
from math import log1p
from pathlib import Path
from typing import Any

import pytest

from pintower.data.reader import read_dataset
from pintower.errors import DatasetError

MOVIE = {
    "id": 603, "title": "The Matrix", "overview": "A hacker learns the truth.",
    "tags": ["dystopia", "virtual reality"], "genres": ["Action", "Science Fiction"],
    "director": "Lana Wachowski", "actors": ["Keanu Reeves", "Laurence Fishburne"],
    "characters": ["Neo", "Morpheus"], "year": 1999, "votes": 100, "rating": 8.2,
    "popularity": 50.5, "poster": "/x.jpg",
}  # fmt: skip
BARE = {key: None for key in MOVIE} | {"id": 11, "title": "Star Wars", "tags": [], "genres": []}
NAN = float("nan")
GRADES = "query_id\tquery\tdoc_id\tgrade\n1\tblue pill\t603\t1\n1\tblue pill\t11\t0\n"


def write(folder: Path, movies: list[dict[str, Any]], grades: str = GRADES) -> None:
    lines = "".join(json.dumps(movie) + "\n" for movie in movies)
    (folder / "movies-corpus.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (folder / "movies-judgments.tsv.gz").write_bytes(gzip.compress(grades.encode()))


def refuse(folder: Path, *parts: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_dataset(folder)
    for part in parts:
        assert part in str(caught.value)


def test_movies_become_pins(tmp_path: Path) -> None:
    write(tmp_path, [MOVIE, BARE])
    data = read_dataset(tmp_path)
    matrix, bare = data.pins.to_dicts()
    assert data.layout == "MSRD"
    assert matrix["pin_id"] == "603"
    assert matrix["title"] == "The Matrix"
    assert matrix["description"] == "A hacker learns the truth."
    assert matrix["board_titles"] == ["dystopia", "virtual reality"]
    assert matrix["caption"] == (
        "1999 Action Science Fiction. Keanu Reeves, Laurence Fishburne. Neo, Morpheus. "
        "Lana Wachowski"
    )
    assert matrix["standing"] == pytest.approx([log1p(100), 8.2, log1p(50.5)])
    assert (bare["caption"], bare["board_titles"], bare["standing"]) == ("", [], [0.0, 0.0, 0.0])


def test_grades_become_levels_and_shown_pairs(tmp_path: Path) -> None:
    write(tmp_path, [MOVIE, BARE])
    data = read_dataset(tmp_path)
    assert data.judgments.select("query", "pin_id", "level", "split").rows() == [
        ("blue pill", "603", 5, None),
        ("blue pill", "11", 1, None),
    ]
    assert data.impressions["pin_id"].to_list() == ["603", "11"]
    assert data.impressions["engagement"].to_list() == [None, None]


def test_grades_of_unknown_movies_are_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, [MOVIE])
    with caplog.at_level(logging.WARNING):
        assert read_dataset(tmp_path).judgments["pin_id"].to_list() == ["603"]
    assert "1 of 2 pairs" in caplog.text
    write(tmp_path, [MOVIE | {"id": 5}])
    refuse(tmp_path, "movies-judgments.tsv.gz", "none of the 2 pairs", "same release")


def test_nan_is_absent(tmp_path: Path) -> None:
    """No caption and no board says "nan"."""
    holes = dict.fromkeys(("overview", "genres", "director", "actors", "characters", "year",
                           "votes", "rating", "popularity"), NAN)  # fmt: skip
    write(tmp_path, [MOVIE | {"actors": [NAN, "Keanu Reeves"]}, BARE | holes | {"tags": [NAN]}])
    matrix, bare = read_dataset(tmp_path).pins.to_dicts()
    assert ". Keanu Reeves. " in matrix["caption"]
    assert (bare["description"], bare["caption"], bare["board_titles"]) == ("", "", [])
    assert bare["standing"] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("grades", "parts"),
    [
        (GRADES + "2\tq\t11\t2\n", ("row 3", "grade '2'", "allowed are 0, 1")),
        (GRADES + "2\tq\t11\t\n", ("row 3", "grade None")),
        (GRADES.replace("grade", "label"), ("lacks the column 'grade'", "found: query_id, query")),
        (GRADES + "2\tq\t11", ("line 4", "3 fields")),
        (GRADES + "2\t \t11\t1\n", ("1 rows have no query", "rows 3")),
        ("query_id\tquery\tdoc_id\tgrade\n", ("none of the 0 pairs",)),
    ],
)
def test_broken_grades_are_refused(tmp_path: Path, grades: str, parts: tuple[str, ...]) -> None:
    write(tmp_path, [MOVIE, BARE], grades)
    refuse(tmp_path, "movies-judgments.tsv.gz", *parts)


@pytest.mark.parametrize(
    ("movie", "parts"),
    [
        ({"votes": "many"}, ("row 2", "votes 'many'", "a number from 0")),
        ({"rating": -1.0}, ("row 2", "rating -1.0")),
        ({"id": None}, ("no pin_id", "rows 2")),
        ({"id": 603}, ("occur more than once", "'603'")),
        ({"id": 11.0}, ("row 2 (line 2)", "id 11.0", "whole number")),
        ({"id": NAN}, ("no pin_id", "rows 2, the first on line 2")),
        ({"title": 1984}, ("row 2 (line 2)", "title 1984", "text is allowed")),
        ({"overview": True}, ("row 2 (line 2)", "overview True")),
        ({"director": {"name": "x"}}, ("row 2 (line 2)", "director {'name': 'x'}")),
        ({"actors": ["Keanu Reeves", 3]}, ("row 2 (line 2)", "actors ['Keanu Reeves', 3]")),
        ({"genres": "Action"}, ("row 2 (line 2)", "genres 'Action'", "list of texts")),
        ({"year": 1999.5}, ("row 2 (line 2)", "year 1999.5")),
        ({"votes": True}, ("row 2 (line 2)", "votes True")),
        ({"rating": float("inf")}, ("row 2 (line 2)", "rating inf")),
    ],
)
def test_broken_movies_are_refused(
    tmp_path: Path, movie: dict[str, Any], parts: tuple[str, ...]
) -> None:
    write(tmp_path, [MOVIE, MOVIE | {"id": 11} | movie])
    refuse(tmp_path, "movies-corpus.jsonl.gz", *parts)


def test_a_missing_column_of_the_movies_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [{key: value for key, value in MOVIE.items() if key != "overview"}])
    refuse(tmp_path, "movies-corpus.jsonl.gz", "lacks the column 'overview'")


@pytest.mark.parametrize("name", ["movies-corpus.jsonl.gz", "movies-judgments.tsv.gz"])
def test_a_cut_file_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, [MOVIE, BARE] * 20)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    refuse(tmp_path, name, "cut off")
