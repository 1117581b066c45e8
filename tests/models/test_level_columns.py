import numpy as np

from pintower.models.level_columns import level_columns


def test_columns_are_expected_level_most_probable_level_and_its_probability() -> None:
    probabilities = np.array([[0, 0, 0.5, 0.25, 0.25], [1, 0, 0, 0, 0]], dtype=np.float32)
    columns = level_columns("teacher", probabilities)
    assert list(columns) == ["teacher", "teacher_level", "teacher_confidence"]
    np.testing.assert_allclose(columns["teacher"], [3.75, 1])
    assert columns["teacher_level"].tolist() == [3, 1]
    assert columns["teacher_confidence"].tolist() == [0.5, 1]
