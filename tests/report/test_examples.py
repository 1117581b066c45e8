import polars as pl

from pintower.report.examples import choose, describe_examples
from pintower.report.per_query import quality_by_query
from tests.report.conftest import TITLES, judged


def quality(**rows: tuple[float, float]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "query": list(rows),
            "levels": [2] * len(rows),
            "student": [student for student, _ in rows.values()],
            "bm25": [bm25 for _, bm25 in rows.values()],
        }
    )


def test_the_worst_come_first_then_those_behind_and_last_those_ahead_of_bm25() -> None:
    table = quality(
        bad=(0.3, 0.3), worse=(0.2, 0.1), lost=(0.7, 0.95), behind=(0.8, 0.9), won=(0.9, 0.5)
    )
    assert choose(table, 4) == (["worse", "bad"], ["lost", "behind"], ["won"])


def test_no_query_is_shown_twice() -> None:
    table = quality(lost=(0.2, 0.9), behind=(0.5, 0.6), won=(0.4, 0.1))
    assert choose(table, 4) == (["lost", "won"], ["behind"], [])


def test_where_few_are_behind_more_of_the_worst_are_shown() -> None:
    table = quality(a=(0.3, 0.2), b=(0.4, 0.2), c=(0.5, 0.2), d=(0.6, 0.2))
    assert choose(table, 3)[:2] == (["a", "b", "c"], [])


def test_queries_that_cannot_be_ordered_wrongly_are_left_out() -> None:
    table = quality(flat=(1.0, 0.2)).with_columns(levels=1)
    assert choose(table, 4) == ([], [], [])
    assert choose(quality(perfect=(1.0, 1.0)), 4) == ([], [], [])


def test_without_bm25_only_the_worst_are_shown() -> None:
    table = quality(a=(0.3, 0.2), b=(0.2, 0.2)).drop("bm25")
    assert choose(table, 1) == (["b"], [], [])


def test_of_two_levels_a_pin_is_marked_only_when_it_is_nearer_to_the_wrong_one() -> None:
    predictions = judged(levels=(1, 5)).with_columns(
        student=pl.when(pl.col("level") == 5).then(2.0).otherwise(2.9)
    )
    models = ["student", "bm25"]
    by_query = quality_by_query(predictions, models)
    titles = pl.DataFrame({"pin_id": list(TITLES), "title": list(TITLES.values())})
    groups = describe_examples(predictions, titles, by_query, models, 8)
    pins = [pin for group in groups for ranking in group.rankings for pin in ranking.pins]
    assert {(pin.level, pin.far) for pin in pins} == {(5, "low"), (1, "")}
