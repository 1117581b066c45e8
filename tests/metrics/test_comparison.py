import numpy as np
import polars as pl
import pytest

from pintower.metrics.bootstrap import Resampling
from pintower.metrics.comparison import compare, differences, measures_for, slices

PAIRS = pl.DataFrame(
    {
        "query": ["a", "a", "b", "b"],
        "level": [5, 1, 4, 2],
        "good": [4.0, 1.0, 3.0, 2.0],
        "good_level": [5, 1, 4, 3],
        "bad": [1.0, 4.0, 2.0, 3.0],
    }
)
RESAMPLING = Resampling(resamples=20)
MEASURES = ("ndcg@20", "p@8", "accuracy", "auroc_3", "auroc_4", "auroc_5")


def test_compare_gives_levels_only_to_models_that_predict_them() -> None:
    metrics = compare(PAIRS, ["good", "bad"], MEASURES, RESAMPLING)
    assert (metrics["queries"], metrics["pairs"]) == (2, 4)
    assert metrics["models"]["good"]["accuracy"]["value"] == 3 / 4
    assert metrics["models"]["good"]["ndcg@20"]["value"] == 1
    assert metrics["models"]["good"]["p@8"]["value"] == 1 / 8
    assert metrics["models"]["bad"]["auroc_4"]["value"] == pytest.approx(0)
    assert "accuracy" not in metrics["models"]["bad"]


def test_differences_are_positive_for_the_better_model() -> None:
    (row,) = differences(PAIRS, [("good", "bad")], RESAMPLING)
    assert row["measure"] == "ndcg@20"
    assert 0 < row["low"] <= row["value"] <= row["high"]


def test_slices_say_why_a_measure_is_missing() -> None:
    rows = slices(PAIRS, {"half": np.array(["x", "x", "y", "y"])}, ["good"], MEASURES, RESAMPLING)
    assert [(row["by"], row["slice"], row["pairs"]) for row in rows] == [
        ("half", "x", 2), ("half", "y", 2)
    ]  # fmt: skip
    area = rows[1]["models"]["good"]["auroc_5"]
    assert area["value"] is None
    assert area["reason"] == "all 2 judgments stay below level 5"


def test_yes_and_no_judgments_get_only_measures_that_two_levels_can_carry() -> None:
    assert measures_for([1, 5, 5, 1]) == ("ndcg@20", "auroc_5")
    assert measures_for([1, 2, 5]) == MEASURES
    binary = PAIRS.with_columns(level=pl.Series([5, 1, 5, 1]))
    metrics = compare(binary, ["good", "bad"], ["ndcg@20", "auroc_5"], RESAMPLING)
    assert metrics["measures"] == ["ndcg@20", "auroc_5"]
    for model, area in (("good", 1), ("bad", 0)):
        assert list(metrics["models"][model]) == ["ndcg@20", "auroc_5"]
        assert metrics["models"][model]["auroc_5"]["value"] == area
