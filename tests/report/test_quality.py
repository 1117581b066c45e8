from pintower.metrics.comparison import verdict_of
from pintower.report.per_query import quality_by_query
from pintower.report.quality import Quality, describe_quality
from tests.report.conftest import judged, measured

COMMONEST = judged()["level"].mode().min()


def described(**how: object) -> Quality:
    predictions = judged(**how)  # type: ignore[arg-type]
    metrics = measured(predictions)
    by_query = quality_by_query(predictions, list(metrics["models"]))
    return describe_quality(metrics, predictions, by_query)


def test_every_model_has_a_column_and_a_bar_and_the_student_stands_out() -> None:
    quality = described()
    assert quality.models == [
        "Teacher", "Student", "BM25", "Untuned cosine", "Mixture of cosine and BM25",
        f"Always level {COMMONEST}",
    ]  # fmt: skip
    assert [bar.name for bar in quality.bars if bar.accent] == ["Student"]
    rows = dict(quality.rows)
    assert list(rows) == [
        "nDCG@20", "P@8", "sDCG@25", "Kendall's tau-b", "Spearman", "Accuracy",
        "Accuracy within one level", "Macro F1", "AUROC 3+", "AUROC 4+", "AUROC 5",
        "Calibration error",
    ]  # fmt: skip
    accuracy = rows["Accuracy"]
    assert accuracy[1] is not None and accuracy[2] is None  # BM25 predicts no levels
    assert accuracy[-1] is not None and accuracy[-1]["low"] is None
    assert rows["nDCG@20"][-1] is None  # one level for all orders nothing
    assert quality.scale is not None
    assert all(quality.scale.low <= bar.low <= bar.high <= quality.scale.high
               for bar in quality.bars)  # fmt: skip


def test_of_yes_and_no_only_what_they_can_carry_is_shown() -> None:
    quality = described(levels=(1, 5), teacher=False)
    assert [name for name, _ in quality.rows] == ["nDCG@20", "AUROC"]
    assert quality.models[-1] == "Mixture of cosine and BM25"
    assert quality.reliability == []
    assert [row["level"] for row in quality.levels] == [5, 1]
    assert [row.model for row in quality.differences] == ["Student"] * 3


def test_the_difference_from_the_best_baseline_comes_first() -> None:
    first, *others = described().differences
    assert (first.model, first.baseline) == ("Student", "Mixture of cosine and BM25")
    assert first.best
    assert sum(first.queries) == 6
    assert first.verdict == verdict_of(first.low, first.high, 6)
    assert [(row.model, row.best) for row in others if row.best] == [("Teacher", True)]


def test_slices_are_shown_on_a_scale_that_holds_zero() -> None:
    quality = described()
    assert quality.slice_scale is not None
    assert quality.slice_scale.low <= 0 <= quality.slice_scale.high
    for row in quality.slices:
        assert quality.slice_scale.low <= row.low <= row.value <= row.high


def test_a_baseline_that_there_is_none_of_is_named_with_its_reason() -> None:
    predictions = judged()
    metrics = measured(predictions) | {"baselines_absent": {"mixture": "No judgments"}}
    quality = describe_quality(
        metrics, predictions, quality_by_query(predictions, list(metrics["models"]))
    )
    assert quality.absent == ["There is no mixture of cosine and BM25: No judgments."]


def test_scores_are_summed_up_for_each_human_level() -> None:
    for row in described().levels:
        assert 1 <= row["low"] <= row["middle"] <= row["high"] <= 5
        assert row["pins"] > 0


def test_without_test_judgments_the_reason_is_told() -> None:
    empty = judged().head(0).select("query", "pin_id", "level", "language")
    metrics = {
        "queries": 0, "pairs": 0, "measures": ["ndcg@20"], "models": {}, "confidence": 0.95,
        "reason": "the test split is empty", "caveats": ["No query is held out."],
    }  # fmt: skip
    quality = describe_quality(metrics, empty, quality_by_query(empty, []))
    assert quality.reason == "the test split is empty"
    assert quality.caveats == ["No query is held out."]
    assert not quality.rows and not quality.bars and not quality.slices and quality.scale is None
