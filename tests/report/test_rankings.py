import polars as pl
import pytest

from pintower.report.rankings import Ranking, describe_ranking

PAIRS = pl.DataFrame(
    {
        "query": ["shoes"] * 4,
        "pin_id": ["a", "b", "c", "d"],
        "title": ["Red shoes", None, "", "t" * 500],
        "level": [1, 5, 3, 2],
        "student": [4.5, 2.0, 3.2, 1.5],
        "teacher": [1.2, 4.8, 3.0, 2.0],
        "bm25": [7.0, 0.0, 9.0, 0.0],
    }
)
QUALITY = {"student": 0.5, "teacher": 0.9, "bm25": 0.6}


def ranked(pairs: pl.DataFrame = PAIRS, *models: str) -> Ranking:
    return describe_ranking(pairs, QUALITY, models or ("student", "bm25", "teacher"), far=1.5)


def test_pins_stand_in_the_students_order_with_what_others_say() -> None:
    ranking = ranked()
    assert [pin.pin_id for pin in ranking.pins] == ["a", "c", "b", "d"]
    assert [pin.rank for pin in ranking.pins] == [1, 2, 3, 4]
    assert [pin.far for pin in ranking.pins] == ["high", "", "low", ""]
    assert [pin.bm25_rank for pin in ranking.pins] == [2, 1, None, None]
    assert ranking.pins[2].teacher == pytest.approx(4.8)
    assert ranking.error == pytest.approx((3.5 + 3.0 + 0.2 + 0.5) / 4)


def test_orders_show_the_levels_and_what_bm25_knows_nothing_of() -> None:
    student, bm25, teacher, ideal = ranked().orders
    assert [level for level, _ in student.cells] == [1, 3, 5, 2]
    assert [unknown for _, unknown in bm25.cells] == [False, False, True, True]
    assert [level for level, _ in teacher.cells] == [5, 3, 2, 1]
    assert ([level for level, _ in ideal.cells], ideal.quality) == ([5, 3, 2, 1], None)


def test_without_teacher_and_bm25_their_columns_are_empty() -> None:
    ranking = ranked(PAIRS.drop("teacher", "bm25"), "student")
    assert [order.name for order in ranking.orders] == ["Student", "Ideal"]
    assert (ranking.pins[0].teacher, ranking.pins[0].bm25_rank) == (None, None)


def test_missing_titles_are_empty_and_long_ones_cut() -> None:
    titles = [pin.title for pin in ranked().pins]
    assert titles[1:3] == ["", ""]
    assert len(titles[3]) == 160 and titles[3].endswith("…")


def test_eight_are_shown_at_first_twelve_more_on_demand_and_the_others_counted() -> None:
    many = pl.concat([PAIRS] * 8).with_columns(
        pin_id=pl.int_range(pl.len()).cast(pl.String), query=pl.lit("shoes " * 100)
    )
    ranking = ranked(many)
    assert (len(ranking.pins), len(ranking.more), ranking.hidden) == (8, 12, 12)
    assert all(len(order.cells) == 20 for order in ranking.orders)
    assert len(ranking.query) <= 160
