import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pintower.text.forward_index import ForwardIndex, build_forward_index, count_terms
from pintower.text.match_features import FEATURES, MatchStatistics, fit_statistics, match_features
from pintower.text.terms import term_id

PINS = [
    {"title": "red shoes", "description": "red red shoes for summer"},
    {"title": "red shoes for women", "board_titles": ["shoes", "red things"]},
    {"title": "blue sofa"},
    {},
]


def features(query: str, rows: list[int]) -> dict[str, list[float]]:
    index, statistics = build_forward_index(PINS), fit_statistics(PINS)
    values = match_features(query, index, np.array(rows, dtype=np.int64), statistics)
    return {name: values[:, column].tolist() for column, name in enumerate(FEATURES)}


def test_bm25_of_a_source_equals_the_formula_by_hand() -> None:
    idf = math.log1p((4 - 2 + 0.5) / (2 + 0.5))  # "red" and "shoes" are each in two of four pins
    mean = (2 + 4 + 2 + 0) / 4
    tf = 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / mean))
    assert features("red shoes", [0])["bm25_title"][0] == pytest.approx(2 * idf * tf, rel=1e-6)


def test_title_matches_are_exact_or_by_prefix() -> None:
    got = features("Red SHOES", [0, 1, 2, 3])
    assert got["title_exact"] == [1, 0, 0, 0]
    assert got["title_prefix"] == [1, 1, 0, 0]
    assert got["share_matched"] == [1, 1, 0, 0]
    assert features("shoes red", [0])["title_prefix"] == [0]


def test_shares_count_distinct_query_terms() -> None:
    got = features("red red sofa", [0, 2])
    assert got["share_matched"] == [0.5, 0.5]
    assert got["query_terms"] == [2, 2]


def test_rows_may_repeat_and_come_in_any_order() -> None:
    index, statistics = build_forward_index(PINS), fit_statistics(PINS)
    rows = np.array([2, 0, 0, 3, 1])
    together = match_features("red sofa", index, rows, statistics)
    alone = [match_features("red sofa", index, rows[i : i + 1], statistics)[0] for i in range(5)]
    np.testing.assert_array_equal(together, np.stack(alone))


@given(st.text(max_size=300))
def test_any_query_gives_finite_features(query: str) -> None:
    index, statistics = build_forward_index(PINS), fit_statistics(PINS)
    values = match_features(query, index, np.arange(4), statistics)
    assert values.shape == (4, len(FEATURES))
    assert np.isfinite(values).all()


def test_no_pins_and_an_empty_corpus_are_answered() -> None:
    index, statistics = build_forward_index([]), fit_statistics([])
    assert match_features("red", index, np.array([], np.int64), statistics).shape[0] == 0


def test_index_and_statistics_survive_their_files(tmp_path: Path) -> None:
    index, statistics = build_forward_index(PINS), fit_statistics(PINS)
    index.save(tmp_path)
    statistics.save(tmp_path / "stats")
    again = ForwardIndex.load(tmp_path), MatchStatistics.load(tmp_path / "stats")
    rows = np.arange(4)
    np.testing.assert_array_equal(
        match_features("red shoes", index, rows, statistics),
        match_features("red shoes", again[0], rows, again[1]),
    )


def test_statistics_of_other_text_rules_are_refused(tmp_path: Path) -> None:
    fit_statistics(PINS).save(tmp_path)
    values = json.loads((tmp_path / "stats.json").read_text())
    assert values.pop("version") == 2
    (tmp_path / "stats.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"version 1, .*version 2.*from-encoder.*build"):
        MatchStatistics.load(tmp_path)


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("鞋", "红色运动鞋"),
        ("जूते", "लाल जूते"),
        ("ışık", "IŞIK"),
        ("wh1000xm5", "WH-1000XM5"),
        ("服", "가방 服"),
    ],
)
def test_a_query_matches_the_title_that_holds_it(query: str, title: str) -> None:
    pins = [{"title": title}, {"title": "other"}]
    values = match_features(query, build_forward_index(pins), np.arange(2), fit_statistics(pins))
    share = values[:, FEATURES.index("share_matched_title")]
    assert share.tolist() == [1, 0]


def test_a_title_without_blanks_begins_with_its_first_words() -> None:
    pins = [{"title": "红色运动鞋"}, {"title": "运动鞋"}]
    index, statistics = build_forward_index(pins), fit_statistics(pins)
    prefix, exact = FEATURES.index("title_prefix"), FEATURES.index("title_exact")
    for query, wanted in (("红色", [[1, 0], [0, 0]]), ("运动鞋", [[0, 1], [0, 1]])):
        values = match_features(query, index, np.arange(2), statistics)
        assert values[:, [prefix, exact]].T.tolist() == wanted


def test_terms_are_counted_by_source_in_rows_of_any_order_and_number() -> None:
    index = build_forward_index(PINS)
    terms = np.array([term_id("red"), term_id("nowhere"), term_id("sofa")], np.uint32)
    counts = count_terms(index, np.array([2, 3, 0, 0, 1]), terms)
    assert counts.shape == (3, 5, 5)
    assert counts[0].tolist() == [
        [0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1, 2, 0, 0, 0], [1, 2, 0, 0, 0], [1, 0, 0, 1, 0],
    ]  # fmt: skip
    assert not counts[1].any()
    assert counts[2].tolist()[0] == [1, 0, 0, 0, 0]
    assert counts[2].sum() == 1


def test_no_rows_hold_no_terms() -> None:
    index = build_forward_index(PINS)
    ids = np.array([term_id("red")], np.uint32)
    assert count_terms(index, np.array([], np.int64), ids).shape == (1, 0, 5)
    assert not count_terms(index, np.array([3, 3]), ids).any()
