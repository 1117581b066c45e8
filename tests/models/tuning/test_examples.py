import numpy as np
import polars as pl

from pintower.models.tuning.examples import folds_of


def judgments(count: int, validation: int) -> pl.DataFrame:
    rows = [
        {"query": f"query {n}", "split": "validation" if n < validation else "train"}
        for n in range(count)
    ]
    return pl.DataFrame(rows)


def test_a_large_validation_split_is_the_one_fold() -> None:
    table = judgments(300, 120)
    fold = folds_of(table["query"], table, 7, count=4)
    assert np.array_equal(fold, np.where(np.arange(300) < 120, 0, -1))


def test_else_every_judged_query_is_held_out_once_and_its_writings_together() -> None:
    table = judgments(40, 5)
    queries = pl.concat([table["query"], pl.Series(["QUERY  3", "never judged"])])
    fold = folds_of(queries, table, 7, count=4)
    assert sorted(np.bincount(fold[:40]).tolist()) == [10, 10, 10, 10]
    assert fold[40] == fold[3]
    assert fold[41] == -1
