"""Texts in batches: all of them, each once, within the budget."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pintower.models.pin_inputs import length_batches, shape_batches, spread_over_lengths

LENGTHS = st.lists(st.integers(0, 60), max_size=80)


@given(lengths=LENGTHS, budget=st.integers(1, 200))
def test_batches_hold_every_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = list(length_batches(lengths, budget))
    assert sorted(row for rows in batches for row in rows) == list(range(len(lengths)))
    for rows in batches:
        longest = max(lengths[row] for row in rows)
        assert len(rows) == 1 or len(rows) * longest <= budget


@given(
    lengths=LENGTHS,
    budget=st.integers(1, 200),
    step=st.sampled_from([1, 8, 16]),
    limit=st.integers(60, 70),
)
def test_batches_of_one_rounded_length(
    lengths: list[int], budget: int, step: int, limit: int
) -> None:
    batches = list(shape_batches(lengths, budget, step, limit))
    assert sorted(row for rows, _ in batches for row in rows) == list(range(len(lengths)))
    for rows, places in batches:
        assert len(rows) == 1 or len(rows) * places <= budget
        assert places == limit or places % step == 0
        for row in rows:
            assert places - step < max(1, lengths[row]) <= places <= limit


@pytest.mark.parametrize(("texts", "shapes"), [(40, 1), (41, 2)])
def test_only_the_rest_of_a_length_has_a_shape_of_its_own(texts: int, shapes: int) -> None:
    lengths = np.full(texts, 30)
    found = {(len(rows), places) for rows, places in shape_batches(lengths, 64, 16, 128)}
    assert len(found) == shapes
    assert (2, 32) in found


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
