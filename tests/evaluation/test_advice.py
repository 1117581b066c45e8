from pintower.evaluation.advice import advice

AHEAD, LEVEL, BEHIND = "ahead", "not told apart", "behind"


def told(
    student: str, teacher: str | None = None, queries: int = 400, **languages: float
) -> list[str]:
    rows = [
        {"model": model, "baseline": "mixture", "verdict": verdict}
        for model, verdict in (("student", student), ("teacher", teacher))
        if verdict is not None
    ]
    rows.append({"model": "student", "baseline": "bm25", "verdict": "ahead"})
    return advice(
        rows,
        "mixture",
        held_out_queries=66,
        training_queries=queries,
        encoder="all-MiniLM-L6-v2",
        languages=languages,
    )


def test_a_student_ahead_of_the_best_baseline_needs_no_advice() -> None:
    assert told(AHEAD, BEHIND, queries=3, de=1.0) == []


def test_a_student_ahead_of_a_weaker_baseline_alone_gets_some() -> None:
    assert told(LEVEL, AHEAD)
    assert told(BEHIND, AHEAD)


def test_a_teacher_that_is_ahead_points_to_the_students_training() -> None:
    (only,) = told(BEHIND, AHEAD)
    assert "labels.pairs" in only and "student.epochs" in only and "student.depths" in only


def test_a_teacher_that_is_not_ahead_is_to_be_stronger() -> None:
    for teacher in (LEVEL, BEHIND):
        (only,) = told(BEHIND, teacher)
        assert "teacher.encoder" in only and "levels" in only


def test_an_encoder_as_it_is_can_be_exchanged_or_distilled_into() -> None:
    (only,) = told(BEHIND)
    assert "student.query_encoder" in only and "student.method" in only


def test_a_small_difference_wants_more_held_out_queries() -> None:
    first, *_ = told(LEVEL, AHEAD)
    assert first.startswith("Hold out more judged queries: 66 do not tell")
    assert not any("Hold out" in line for line in told(BEHIND, AHEAD))


def test_few_judged_queries_are_told() -> None:
    first, *_ = told(BEHIND, LEVEL, queries=60)
    assert first.startswith("Judge more queries: only 60 are judged for training")


def test_other_languages_than_english_put_the_encoder_in_question() -> None:
    last = told(BEHIND, AHEAD, en=0.5, de=0.2, fr=0.3)[-1]
    assert "50 % of the held-out judgments" in last
    assert "(fr, de)" in last and "all-MiniLM-L6-v2 may not" in last
    assert len(told(BEHIND, AHEAD, en=0.95, de=0.05)) == 1
