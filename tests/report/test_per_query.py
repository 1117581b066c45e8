import polars as pl

from pintower.metrics.ranking import ndcg
from pintower.report.per_query import quality_by_query, standing

PAIRS = pl.DataFrame(
    {
        "query": ["b", "a", "b", "a", "c"],
        "level": [5, 1, 1, 5, 3],
        "student": [1.0, 1.0, 2.0, 2.0, 1.0],
        "bm25": [2.0, 1.0, 1.0, 2.0, 0.0],
    }
)


def test_each_query_is_measured_on_its_own_pairs() -> None:
    table = quality_by_query(PAIRS, ["student", "bm25"])
    wrong = ndcg([5, 1], [1, 2])
    assert table.to_dicts() == [
        {"query": "a", "pairs": 2, "levels": 2, "student": 1.0, "bm25": 1.0},
        {"query": "b", "pairs": 2, "levels": 2, "student": wrong, "bm25": 1.0},
        {"query": "c", "pairs": 1, "levels": 1, "student": 1.0, "bm25": 1.0},
    ]


def test_queries_are_counted_ahead_even_and_behind() -> None:
    table = pl.DataFrame({"student": [0.9, 0.5, 0.503, 0.2], "bm25": [0.8, 0.5, 0.5, 0.3]})
    assert standing(table, "student", "bm25") == (1, 2, 1)


def test_no_pairs_are_no_queries() -> None:
    empty = pl.DataFrame(schema={"query": pl.String, "level": pl.Int8})
    assert quality_by_query(empty, []).is_empty()
