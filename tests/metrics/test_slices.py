import numpy as np
import polars as pl
import pytest

from pintower.metrics.bootstrap import Resampling
from pintower.metrics.comparison import measures_for
from pintower.metrics.slices import slice_differences, slices

RESAMPLING = Resampling(100)
QUERIES = 60


def judged() -> pl.DataFrame:
    """Ten pins a query; the student orders well but for the last third of the queries."""
    random = np.random.default_rng(0)
    query = np.repeat(np.arange(QUERIES), 10)
    level = random.integers(1, 6, len(query))
    noise = np.where(query < 40, 0.3, 3.0)
    return pl.DataFrame(
        {
            "query": [f"query {number}" for number in query],
            "level": level,
            "student": level + random.normal(0, noise),
            "bm25": level + random.normal(0, 1.0, len(query)),
            "student_level": level,
            "student_confidence": np.full(len(query), 0.5),
        }
    )


def thirds() -> dict[str, np.ndarray]:
    return {"third": np.repeat(["a", "b", "c"], QUERIES // 3 * 10)}


def test_slices_measure_every_model_on_its_part() -> None:
    rows = slices(judged(), thirds(), ["student", "bm25"], measures_for(range(1, 6)), RESAMPLING)
    assert [(row["by"], row["slice"], row["queries"]) for row in rows] == [
        ("third", "a", 20), ("third", "b", 20), ("third", "c", 20)
    ]  # fmt: skip
    assert set(rows[0]["models"]["student"]) == {"ndcg@20", "p@8", "accuracy"}
    assert set(rows[0]["models"]["bm25"]) == {"ndcg@20", "p@8"}


def test_a_slice_on_which_the_student_is_significantly_worse_is_flagged() -> None:
    rows = slice_differences(judged(), thirds(), "student", "bm25", RESAMPLING)
    assert [row["worse"] for row in rows] == [False, False, True]
    for row in rows[:2]:
        assert row["value"] > 0 and row["p_adjusted"] < 0.05
    assert rows[2]["low"] <= rows[2]["value"] <= rows[2]["high"] < 0
    assert all(row["p"] <= row["p_adjusted"] <= 1 for row in rows)
    assert {(row["model"], row["baseline"]) for row in rows} == {("student", "bm25")}


def test_few_queries_are_never_flagged() -> None:
    """The worst four of them would be found among many slices by chance."""
    pairs = judged().tail(40)
    by = {"all": np.array(["c"] * 40)}
    (row,) = slice_differences(pairs, by, "student", "bm25", RESAMPLING)
    assert row["value"] < 0 and row["p"] > 0.05 and not row["worse"]


def test_many_slices_make_each_less_sure() -> None:
    """The same slice, alone and among nineteen in which both models are the same."""
    pairs = judged().tail(200).with_columns(
        bm25=pl.when(pl.col("query") < "query 50").then("bm25").otherwise("student")
    )  # fmt: skip
    names = pairs["query"].to_numpy()
    alone, many = (
        slice_differences(pairs, {"by": labels}, "student", "bm25", RESAMPLING)
        for labels in (np.where(names < "query 50", "0", "1"), np.where(
            names < "query 50", "0", names))
    )  # fmt: skip
    assert alone[0]["p"] == pytest.approx(many[0]["p"], abs=0.01)
    assert many[0]["p_adjusted"] > alone[0]["p_adjusted"]
