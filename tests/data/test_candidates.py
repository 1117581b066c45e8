"""The candidate index ranks like BM25, is total, and survives saving."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.data.candidates import CandidateIndex
from pintower.data.tables import PINS, SCHEMAS
from pintower.errors import DatasetError


def catalogue(titles: list[str]) -> pl.DataFrame:
    rows = [
        {"pin_id": f"p{i}", "title": title, "description": "", "caption": "", "board_titles": [],
         "engaged_queries": []}
        for i, title in enumerate(titles)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={k: SCHEMAS[PINS][k] for k in rows[0]})


@pytest.fixture(scope="module")
def index() -> CandidateIndex:
    titles = ["red sofa", "red lamp", "blue sofa", "", "red sofa", "grüne Lampe"]
    return CandidateIndex.build(catalogue(titles))


def test_best_first_and_ties_in_catalogue_order(index: CandidateIndex) -> None:
    assert index.search("Red  SOFA", 10)[:2] == ["p0", "p4"]
    assert set(index.search("red sofa", 10)) == {"p0", "p1", "p2", "p4"}
    assert index.search("red sofa", 1) == ["p0"]
    assert index.search("sofa red", 2) == ["p0", "p4"]


@pytest.mark.parametrize("query", ["", "   ", "!!!", "unheard of", "\0", "\ud800"])
def test_a_query_without_known_terms_finds_nothing(index: CandidateIndex, query: str) -> None:
    assert index.search(query, 5) == []
    assert index.scores(query, ["p0", "p1"]).tolist() == [0.0, 0.0]


def test_scores_belong_to_the_pins_asked_for(index: CandidateIndex) -> None:
    scores = index.scores("lamp", ["p1", "nobody", "p0"])
    assert scores.dtype == np.float32
    assert scores[0] > 0
    assert scores[1:].tolist() == [0.0, 0.0]
    assert index.search("lamp", 0) == []


def test_a_saved_index_gives_the_same_answers(index: CandidateIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "index")
    loaded = CandidateIndex.load(tmp_path / "index")
    for query in ("red sofa", "lampe", "grüne", "nothing"):
        assert loaded.search(query, 3) == index.search(query, 3)
    pins = [f"p{i}" for i in range(6)]
    np.testing.assert_array_equal(loaded.scores("red", pins), index.scores("red", pins))


@pytest.mark.parametrize(
    ("query", "found"),
    [("鞋", ["p0"]), ("运动", ["p0"]), ("बैग", ["p1"]), ("รองเท้า", ["p2"]), ("구두", ["p3"]),
     ("ISTANBUL", ["p4"]), ("mens", ["p5"]), ("wh1000xm5", ["p6"])],
)  # fmt: skip
def test_words_of_every_script_are_found(query: str, found: list[str]) -> None:
    titles = [
        "红色运动鞋",
        "चमड़े का बैग",
        "ซื้อรองเท้าวิ่ง",
        "여성구두",
        "İstanbul'da",
        "men's",
        "WH-1000XM5",
    ]
    assert CandidateIndex.build(catalogue(titles)).search(query, 3) == found


def test_words_far_into_a_text_are_found() -> None:
    titles = ["word " * 400 + "needle", "word"]
    assert CandidateIndex.build(catalogue(titles)).search("needle", 3) == ["p0"]


def test_an_index_of_other_text_rules_is_refused(index: CandidateIndex, tmp_path: Path) -> None:
    index.save(tmp_path)
    (tmp_path / "text_rules.json").unlink()
    with pytest.raises(DatasetError, match=r"version 1, .*version 2.*[Bb]uild"):
        CandidateIndex.load(tmp_path)


def test_missing_index_and_wordless_catalogue_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no candidate index"):
        CandidateIndex.load(tmp_path)
    with pytest.raises(DatasetError, match="searchable word"):
        CandidateIndex.build(catalogue(["!!!", ""]))
