"""Splits never share a query, stay put, and leave no split empty where that can be helped."""

import polars as pl
import pytest

from pintower.data.splits import assign_splits, held_out_queries, split_judgments
from pintower.data.tables import SCHEMAS, SPLITS
from pintower.errors import DatasetError

SHARES = {"seed": 7, "validation_share": 0.1, "test_share": 0.2}


def judgments(queries: list[str], splits: list[str | None] | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "query": queries,
            "pin_id": [str(i) for i in range(len(queries))],
            "level": [3] * len(queries),
            "language": [None] * len(queries),
            "country": [None] * len(queries),
            "split": splits or [None] * len(queries),
        },
        schema=SCHEMAS["judgments"],
    )


def test_one_query_in_two_spellings_of_case_is_in_one_split() -> None:
    queries = [f"query {i}" for i in range(300)]
    table = split_judgments(judgments([*queries, *(f" {q.upper()}  " for q in queries)]), **SHARES)
    folded = table.with_columns(pl.col("query").str.strip_chars().str.to_lowercase())
    assert folded.group_by("query").agg(pl.col("split").n_unique())["split"].max() == 1


def test_shares_are_about_the_ones_asked_for() -> None:
    splits = assign_splits([f"query {i}" for i in range(5000)], **SHARES)
    counts = {name: list(splits.values()).count(name) / 5000 for name in SPLITS}
    assert counts["test"] == pytest.approx(0.2, abs=0.02)
    assert counts["validation"] == pytest.approx(0.1, abs=0.02)


def test_more_queries_move_none_of_the_old_ones() -> None:
    queries = [f"query {i}" for i in range(200)]
    before, after = assign_splits(queries[:100], **SHARES), assign_splits(queries, **SHARES)
    assert {query: after[query] for query in before} == before


def test_the_seed_decides() -> None:
    queries = [f"query {i}" for i in range(100)]
    assert assign_splits(queries, **SHARES) != assign_splits(queries, **{**SHARES, "seed": 8})


@pytest.mark.parametrize("count", range(1, 11))
@pytest.mark.parametrize("seed", range(5))
def test_few_queries_still_reach_every_split_training_first(count: int, seed: int) -> None:
    splits = assign_splits([f"q{i}" for i in range(count)], **{**SHARES, "seed": seed})
    wanted = {"train", "test", "validation"} if count > 2 else {"train", "test"}
    assert set(splits.values()) == (wanted if count > 1 else {"train"})


def test_a_split_without_a_share_stays_empty() -> None:
    splits = assign_splits(["a", "b", "c"], seed=7, validation_share=0.0, test_share=0.2)
    assert "validation" not in splits.values()


def test_a_users_own_split_is_honoured_and_covers_every_row_of_the_query() -> None:
    table = split_judgments(judgments(["a", "A ", "b"], ["test", None, "train"]), **SHARES)
    assert table["split"].to_list() == ["test", "test", "train"]
    assert held_out_queries(table) == {"a"}


@pytest.mark.parametrize("split", ["test", "validation"])
def test_a_held_out_split_that_is_stated_gets_no_other_query(split: str) -> None:
    queries = [f"query {i}" for i in range(300)]
    table = split_judgments(judgments(queries, [split, split, *[None] * 298]), **SHARES)
    assert table.filter(split=split)["query"].to_list() == queries[:2]
    assert set(table["split"]) == set(SPLITS)


def test_contradicting_or_trainless_splits_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"'a'.*'test'.*'train'"):
        split_judgments(judgments(["a", "a"], ["test", "train"]), **SHARES)
    with pytest.raises(DatasetError, match="No judged query is left for training"):
        split_judgments(judgments(["a", "b"], ["test", "test"]), **SHARES)


def test_no_judgments_are_no_error() -> None:
    assert split_judgments(judgments([]), **SHARES).is_empty()
