import pytest

from pintower.report.per_query import quality_by_query
from pintower.report.quality import Quality, describe_quality, verdict_of
from tests.report.conftest import judged, measured


def described(**how: object) -> Quality:
    predictions = judged(**how)  # type: ignore[arg-type]
    metrics = measured(predictions)
    by_query = quality_by_query(predictions, list(metrics["models"]))
    return describe_quality(metrics, predictions, by_query)


def test_every_model_has_a_row_and_a_bar_and_the_student_stands_out() -> None:
    quality = described()
    assert [name for name, _ in quality.rows] == ["Teacher", "Student", "BM25", "Untuned cosine"]
    assert [bar.name for bar in quality.bars if bar.accent] == ["Student"]
    assert quality.measures == ["nDCG@20", "P@8", "Accuracy", "AUROC 3+", "AUROC 4+", "AUROC 5"]
    assert quality.rows[2][1][2] is None  # BM25 predicts no levels
    assert quality.scale is not None
    assert all(quality.scale.low <= bar.low <= bar.high <= quality.scale.high
               for bar in quality.bars)  # fmt: skip


def test_of_yes_and_no_only_what_they_can_carry_is_shown() -> None:
    quality = described(levels=(1, 5), teacher=False)
    assert quality.measures == ["nDCG@20", "AUROC"]
    assert [row["level"] for row in quality.levels] == [5, 1]
    assert [row.model for row in quality.differences] == ["Student", "Student"]


def test_a_difference_says_how_many_queries_went_which_way() -> None:
    first = described().differences[0]
    assert (first.model, first.baseline) == ("Student", "BM25")
    assert sum(first.queries) == 6
    assert first.verdict == verdict_of(first.low, first.high)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.01, 0.02, "ahead"), (-0.02, -0.01, "behind"), (-0.01, 0.02, "not told apart"),
     (0.0, 0.02, "not told apart")],
)  # fmt: skip
def test_an_interval_that_touches_zero_tells_nothing_apart(
    low: float, high: float, verdict: str
) -> None:
    assert verdict_of(low, high) == verdict


def test_scores_are_summed_up_for_each_human_level() -> None:
    for row in described().levels:
        assert 1 <= row["low"] <= row["middle"] <= row["high"] <= 5
        assert row["pins"] > 0


def test_without_test_judgments_the_reason_is_told() -> None:
    empty = judged().head(0).select("query", "pin_id", "level", "language")
    metrics = {"queries": 0, "pairs": 0, "measures": ["ndcg@20"], "models": {}, "confidence": 0.95,
               "reason": "the test split is empty"}  # fmt: skip
    quality = describe_quality(metrics, empty, quality_by_query(empty, []))
    assert quality.reason == "the test split is empty"
    assert not quality.rows and not quality.bars and not quality.slices and quality.scale is None
