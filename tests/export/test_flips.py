import numpy as np

from pintower.export.flips import count_flips


def scores(*values: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)


def test_same_order_has_no_flips() -> None:
    assert count_flips(scores(3, 2, 1), scores(30, 20, 10), 8) == (0, 3)


def test_swapped_pair_is_counted_once() -> None:
    assert count_flips(scores(3, 2, 1), scores(3, 1, 2), 8) == (1, 3)


def test_only_the_first_ranks_count() -> None:
    assert count_flips(scores(4, 3, 2, 1), scores(4, 3, 1, 2), 2) == (0, 1)


def test_tied_pair_is_in_no_order_to_flip() -> None:
    assert count_flips(scores(2, 2, 1), scores(1, 2, 3), 8) == (2, 2)


def test_scores_that_rounding_could_exchange_are_tied() -> None:
    close = np.float32(0.5)
    above = np.nextafter(close, np.float32(1))
    assert count_flips(scores(0.9, above, close), scores(0.9, close, above), 8) == (0, 2)
    assert count_flips(scores(0.9, 0.5001, 0.5), scores(0.9, 0.5, 0.5001), 8) == (1, 3)
