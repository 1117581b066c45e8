import numpy as np

from pintower.export.samples import EDGE_TEXTS, spread_over_lengths


def test_every_length_is_drawn_before_any_is_drawn_twice() -> None:
    lengths = [5] * 1_000 + [9, 7, 7, 3]
    chosen = spread_over_lengths(lengths, 4, seed=0)
    assert sorted(np.array(lengths)[chosen]) == [3, 5, 7, 9]


def test_draw_follows_the_seed_and_never_repeats_a_position() -> None:
    lengths = list(np.random.default_rng(0).integers(3, 20, 500))
    first = spread_over_lengths(lengths, 100, seed=1)
    np.testing.assert_array_equal(first, spread_over_lengths(lengths, 100, seed=1))
    assert len(set(first.tolist())) == 100
    assert set(first.tolist()) != set(spread_over_lengths(lengths, 100, seed=2).tolist())


def test_fewer_texts_than_wanted_are_all_taken() -> None:
    assert sorted(spread_over_lengths([4, 4, 5], 10, seed=0)) == [0, 1, 2]
    assert len(spread_over_lengths([], 10, seed=0)) == 0


def test_edge_texts_are_distinct_and_hold_the_empty_one() -> None:
    assert "" in EDGE_TEXTS
    assert len(set(EDGE_TEXTS)) == len(EDGE_TEXTS)
