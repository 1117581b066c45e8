from typing import Any

from pintower.evaluation.advice import advice

AHEAD, LEVEL, BEHIND = (0.01, 0.02, 0.03), (-0.01, 0.01, 0.03), (-0.03, -0.02, -0.01)


def told(
    student: tuple[float, ...],
    teacher: tuple[float, ...] | None = None,
    queries: int = 400,
    **languages: float,
) -> list[str]:
    rows: list[dict[str, Any]] = [
        {"model": model, "baseline": "mixture", "low": low, "value": value, "high": high}
        for model, found in (("student", student), ("teacher", teacher))
        if found is not None
        for low, value, high in [found]
    ]
    rows.append({"model": "student", "baseline": "bm25", "low": 0.1, "value": 0.2, "high": 0.3})
    return advice(
        rows, "mixture", training_queries=queries, encoder="all-MiniLM-L6-v2", languages=languages
    )


def test_a_student_ahead_of_the_best_baseline_needs_no_advice() -> None:
    assert told(AHEAD, BEHIND, queries=3, de=1.0) == []


def test_a_student_ahead_of_a_weaker_baseline_alone_gets_some() -> None:
    assert told(LEVEL, AHEAD)
    assert told(BEHIND, AHEAD)


def test_a_teacher_that_is_ahead_points_to_the_students_training() -> None:
    (only,) = told(BEHIND, AHEAD)
    assert "labels.pairs" in only and "student.epochs" in only and "trainable_layers" in only


def test_a_teacher_that_is_not_ahead_is_to_be_stronger() -> None:
    for teacher in (LEVEL, BEHIND):
        (only,) = told(BEHIND, teacher)
        assert "teacher.encoder" in only and "levels" in only


def test_an_encoder_as_it_is_can_be_exchanged_or_distilled_into() -> None:
    (only,) = told(LEVEL)
    assert "student.query_encoder" in only and "student.method" in only


def test_few_judged_queries_come_first() -> None:
    first, *_ = told(LEVEL, LEVEL, queries=60)
    assert first.startswith("Judge more queries: 60 are judged for training")


def test_other_languages_than_english_put_the_encoder_in_question() -> None:
    last = told(BEHIND, AHEAD, en=0.5, de=0.2, fr=0.3)[-1]
    assert "50 % of the held-out judgments" in last
    assert "(fr, de)" in last and "all-MiniLM-L6-v2 may not" in last
    assert len(told(BEHIND, AHEAD, en=0.95, de=0.05)) == 1
