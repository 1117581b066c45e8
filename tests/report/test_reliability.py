from pintower.report.reliability import curves


def bins(*points: tuple[float, float]) -> list[dict[str, float]]:
    return [{"pairs": 10, "confidence": x, "accuracy": y} for x, y in points]


def test_every_model_has_a_curve_and_the_student_lies_above_the_others() -> None:
    found = curves(
        {"student": bins((0.4, 0.3), (0.9, 0.8)), "teacher": bins((0.5, 0.5)), "mixture": bins()}
    )
    assert [(curve.name, curve.kind) for curve in found] == [
        ("Teacher", "teacher"), ("Mixture of cosine and BM25", "other"), ("Student", "student")
    ]  # fmt: skip
    assert found[-1].points == [(0.4, 0.3), (0.9, 0.8)]
