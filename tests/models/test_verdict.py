import numpy as np
import polars as pl
import pytest

from pintower.models.verdict import judge_teacher


def judged(queries: int = 40, pins: int = 12) -> pl.DataFrame:
    """Pairs with levels from 1 to 5 and a baseline that tells them fairly well."""
    random = np.random.default_rng(0)
    levels = random.integers(1, 6, size=queries * pins)
    names = [f"q{number}" for number in np.repeat(np.arange(queries), pins)]
    noise = random.standard_normal(len(levels))
    return pl.DataFrame({"query": names, "level": levels, "bm25": levels + 2 * noise}).with_columns(
        pl.lit(0.0).alias("cosine")
    )


def seen(pairs: pl.DataFrame, scores: np.ndarray) -> pl.DataFrame:
    return pairs.with_columns(pl.Series("teacher", scores))


def test_a_teacher_that_is_ahead_of_the_best_baseline_may_label() -> None:
    pairs = judged()
    verdict = judge_teacher(
        seen(pairs, pairs["level"].to_numpy() * 1.0), ("bm25", "cosine"), seed=7
    )
    assert verdict.labels
    assert verdict.told["best_baseline"] == "bm25"
    row, areas = verdict.told["differences"]
    assert row["low"] > 0 and row["verdict"] == "ahead"
    assert areas["measure"] == "auroc_5"
    assert "best baseline (bm25)" in verdict.reason


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_a_teacher_that_is_the_best_baseline_or_nearly_so_may_not(noise: float) -> None:
    """Of two models that are the same but for noise each is ahead half of the time."""
    pairs = judged()
    random = np.random.default_rng(5)
    found = [
        judge_teacher(
            seen(pairs, pairs["bm25"].to_numpy() + noise * random.standard_normal(len(pairs))),
            ("bm25", "cosine"),
            seed=7,
        ).labels
        for _ in range(5)
    ]
    assert sum(found) <= 1


def test_a_teacher_that_ranks_well_within_queries_alone_may_not() -> None:
    """Its levels are off by query, which the student would learn: its AUROC is behind."""
    pairs = judged()
    shift = pairs["query"].str.slice(1).cast(pl.Int64).to_numpy() * 10.0
    verdict = judge_teacher(seen(pairs, pairs["level"].to_numpy() + shift), ("bm25",), seed=7)
    row, areas = verdict.told["differences"]
    assert row["low"] > 0 > areas["high"]
    assert not verdict.labels


def test_the_start_is_shown_beside_the_baselines() -> None:
    pairs = judged().with_columns(pl.lit(1.0).alias("start"))
    verdict = judge_teacher(seen(pairs, np.zeros(len(pairs))), ("bm25",), seed=7)
    assert set(verdict.told["validation"]["models"]) == {"teacher", "start", "bm25"}


def test_a_handful_of_queries_shows_nothing() -> None:
    pairs = judged(queries=5)
    verdict = judge_teacher(seen(pairs, pairs["level"].to_numpy() * 1.0), ("bm25",), seed=7)
    assert verdict.told["differences"][0]["low"] > 0
    assert not verdict.labels
    assert "fewer than 6 queries" in verdict.reason
