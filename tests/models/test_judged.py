import polars as pl
import pytest

from pintower.models import judged
from pintower.models.judged import draw_by_query, why_too_few


def judgments(queries: int, levels: tuple[int, ...] = (1, 5)) -> pl.DataFrame:
    return pl.DataFrame(
        [{"query": f"query {number}", "level": level} for number in range(queries)
         for level in levels],
        schema={"query": pl.String, "level": pl.Int8},
    )  # fmt: skip


def test_whole_queries_are_drawn_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged, "_MOST_PAIRS", 9)
    drawn = draw_by_query(judgments(20), seed=1)
    assert drawn["query"].value_counts()["count"].to_list() == [2] * 5  # the fifth goes beyond it
    assert drawn.equals(draw_by_query(judgments(20), seed=1))
    assert not drawn.equals(draw_by_query(judgments(20), seed=2))


def test_few_judgments_are_taken_whole_and_in_their_order() -> None:
    assert draw_by_query(judgments(20), seed=1).equals(judgments(20))


def test_ten_queries_on_two_levels_are_enough() -> None:
    assert why_too_few(judgments(10)) == ""
    assert why_too_few(judgments(0)) == "No judgments"
    assert why_too_few(judgments(9)).startswith("9 judged training queries with 2 levels")
    assert why_too_few(judgments(30, (4,))).startswith("30 judged training queries with 1 levels")


def test_writings_of_one_query_count_once() -> None:
    twice = pl.concat([judgments(6), judgments(6).with_columns(pl.col("query").str.to_uppercase())])
    assert why_too_few(twice).startswith("6 judged")
