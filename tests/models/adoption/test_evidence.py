import numpy as np

from pintower.models.adoption.evidence import Evidence


def test_taken_pairs_can_be_numbered_without_gaps() -> None:
    evidence = Evidence(
        texts=["a", "b", "c"],
        queries=np.eye(3, dtype=np.float32),
        pins=np.eye(3, dtype=np.float32),
        query=np.array([0, 1, 2, 2]),
        pin=np.array([0, 1, 1, 2]),
        matches=np.zeros((4, 1), dtype=np.float32),
        levels=np.array([1, 2, 3, 4]),
    )
    taken = evidence.take(np.array([0, 2, 3])).compact()
    assert taken.texts == ["a", "c"]
    assert taken.query.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(taken.similarity, evidence.similarity[[0, 2, 3]])
