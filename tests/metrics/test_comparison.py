import numpy as np
import polars as pl
import pytest

from pintower.metrics.bootstrap import Resampling
from pintower.metrics.comparison import compare, differences, slices

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


def test_compare_gives_levels_only_to_models_that_predict_them() -> None:
    metrics = compare(PAIRS, ["good", "bad"], RESAMPLING)
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
    rows = slices(PAIRS, {"half": np.array(["x", "x", "y", "y"])}, ["good"], RESAMPLING)
    assert [(row["by"], row["slice"], row["pairs"]) for row in rows] == [
        ("half", "x", 2), ("half", "y", 2)
    ]  # fmt: skip
    area = rows[1]["models"]["good"]["auroc_5"]
    assert area["value"] is None
    assert area["reason"] == "all 2 judgments stay below level 5"
