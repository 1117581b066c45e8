import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from pintower.metrics.bootstrap import Resampling
from pintower.metrics.comparison import (
    auroc_difference,
    compare,
    differences,
    majority,
    measures_for,
    per_query_difference,
    reliabilities,
    verdict_of,
)

PAIRS = pl.DataFrame(
    {
        "query": ["a", "a", "b", "b"],
        "level": [5, 1, 4, 2],
        "good": [4.0, 1.0, 3.0, 2.0],
        "good_level": [5, 1, 4, 3],
        "good_confidence": [0.9, 0.8, 0.6, 0.5],
        "bad": [1.0, 4.0, 2.0, 3.0],
    }
)
RESAMPLING = Resampling(resamples=20)
MEASURES = (
    "ndcg@20", "p@8", "sdcg@25", "kendall_tau", "spearman", "accuracy", "accuracy_within_one",
    "macro_f1", "auroc_3", "auroc_4", "auroc_5", "ece",
)  # fmt: skip
OF_LEVELS = {"accuracy", "accuracy_within_one", "macro_f1", "ece"}


def test_compare_gives_levels_only_to_models_that_predict_them() -> None:
    metrics = compare(PAIRS, ["good", "bad"], MEASURES, RESAMPLING)
    assert (metrics["queries"], metrics["pairs"]) == (2, 4)
    assert metrics["models"]["good"]["accuracy"]["value"] == 3 / 4
    assert metrics["models"]["good"]["ndcg@20"]["value"] == 1
    assert metrics["models"]["good"]["p@8"]["value"] == 1 / 8
    assert metrics["models"]["bad"]["auroc_4"]["value"] == pytest.approx(0)
    assert set(metrics["models"]["good"]) == set(MEASURES)
    assert set(metrics["models"]["bad"]) == set(MEASURES) - OF_LEVELS
    assert metrics["models"]["good"]["accuracy_within_one"]["value"] == 1
    assert metrics["models"]["bad"]["kendall_tau"]["value"] == -1
    for measures in metrics["models"].values():
        for name, found in measures.items():
            assert name == "ece" or found["low"] <= found["value"] <= found["high"]


def test_measures_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    level, said = random.integers(1, 6, (2, 300))
    pairs = pl.DataFrame(
        {"query": [f"{number % 20}" for number in range(300)], "level": level,
         "model": random.random(300), "model_level": said}
    )  # fmt: skip
    values = compare(pairs, ["model"], MEASURES, RESAMPLING)["models"]["model"]
    assert values["accuracy"]["value"] == pytest.approx(accuracy_score(level, said))
    assert values["macro_f1"]["value"] == pytest.approx(f1_score(level, said, average="macro"))
    for at_least in (3, 4, 5):
        area = roc_auc_score(level >= at_least, pairs["model"])
        assert values[f"auroc_{at_least}"]["value"] == pytest.approx(area)


def test_rank_correlations_leave_out_queries_of_one_level() -> None:
    with_one = pl.concat(
        [PAIRS, PAIRS.tail(2).with_columns(query=pl.lit("c"), level=pl.lit(3, pl.Int64))]
    )
    found = compare(with_one, ["good", "bad"], MEASURES, RESAMPLING)["models"]
    assert found["good"]["kendall_tau"]["value"] == 1
    assert found["bad"]["spearman"]["value"] == pytest.approx(-1)
    alone = compare(with_one.tail(2), ["good"], MEASURES, RESAMPLING)["models"]["good"]
    assert alone["kendall_tau"]["value"] is None
    assert alone["kendall_tau"]["reason"] == "no query has pins of more than one level"


def test_a_measure_that_is_missing_has_a_reason() -> None:
    area = compare(PAIRS.tail(2), ["good"], MEASURES, RESAMPLING)["models"]["good"]["auroc_5"]
    assert area["value"] is None
    assert area["reason"] == "all 2 judgments stay below level 5"


def test_always_saying_the_commonest_training_level_is_measured() -> None:
    levels, training = np.array([1, 2, 2, 5]), np.array([2, 2, 4])
    found = majority(levels, training, MEASURES)
    assert found == {
        "level": 2,
        "accuracy": 1 / 2,
        "accuracy_within_one": 3 / 4,
        "macro_f1": pytest.approx(f1_score(levels, [2] * 4, average="macro", zero_division=0)),
    }
    assert majority(levels, training[:0], MEASURES) is None
    assert majority(levels, training, ["ndcg@20", "auroc_5"]) is None


def test_reliability_is_kept_for_models_that_predict_levels() -> None:
    found = reliabilities(PAIRS, ["good", "bad"])
    assert list(found) == ["good"]
    assert sum(row["pairs"] for row in found["good"]) == 4


def test_differences_are_positive_for_the_better_model() -> None:
    (row,) = differences(PAIRS, [("good", "bad")], RESAMPLING)
    assert row["measure"] == "ndcg@20"
    assert 0 < row["low"] <= row["value"] <= row["high"]
    each = per_query_difference(PAIRS, "good", "bad")
    assert each.shape == (2,)
    assert row["value"] == pytest.approx(each.mean())


def test_yes_and_no_judgments_get_only_measures_that_two_levels_can_carry() -> None:
    assert measures_for([1, 5, 5, 1]) == ("ndcg@20", "auroc_5")
    assert measures_for([1, 2, 5]) == MEASURES
    binary = PAIRS.with_columns(level=pl.Series([5, 1, 5, 1]))
    metrics = compare(binary, ["good", "bad"], ["ndcg@20", "auroc_5"], RESAMPLING)
    assert metrics["measures"] == ["ndcg@20", "auroc_5"]
    for model, area in (("good", 1), ("bad", 0)):
        assert list(metrics["models"][model]) == ["ndcg@20", "auroc_5"]
        assert metrics["models"][model]["auroc_5"]["value"] == area


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.01, 0.02, "ahead"), (-0.02, -0.01, "behind"), (-0.01, 0.02, "not told apart"),
     (0.0, 0.02, "not told apart")],
)  # fmt: skip
def test_an_interval_that_touches_zero_tells_nothing_apart(
    low: float, high: float, verdict: str
) -> None:
    assert verdict_of(low, high, 6) == verdict


def test_few_queries_show_no_model_to_be_ahead() -> None:
    """The interval of one query is a point, and five are of one sign by chance alone."""
    for queries in range(6):
        assert verdict_of(0.1, 0.1, queries) == "not told apart"
        assert verdict_of(-0.1, -0.1, queries) == "behind"
    assert verdict_of(None, None, 0) == "not told apart"
    (row,) = differences(PAIRS, [("good", "bad")], RESAMPLING)
    assert row["low"] > 0 and row["verdict"] == "not told apart"


def test_a_difference_in_auroc_is_drawn_on_the_same_queries() -> None:
    """A model and itself on another scale differ by nothing, whichever queries are drawn."""
    random = np.random.default_rng(0)
    levels = random.integers(1, 6, size=400)
    names = [f"q{number}" for number in np.repeat(np.arange(40), 10)]
    scores = levels + 3 * random.standard_normal(400)
    pairs = pl.DataFrame({"query": names, "level": levels, "one": scores, "same": 2 * scores})
    pairs = pairs.with_columns(pl.Series("perfect", levels * 1.0))
    same = auroc_difference(pairs, "one", "same", 5, Resampling())
    assert (same.value, same.low, same.high) == (0, 0, 0)
    found = auroc_difference(pairs, "perfect", "one", 5, Resampling())
    assert found.value == pytest.approx(1 - roc_auc_score(levels >= 5, scores))
    assert 0 < found.low < found.value < found.high
    assert auroc_difference(PAIRS.head(0), "good", "bad", 5, RESAMPLING).value is None
