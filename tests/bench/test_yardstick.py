"""The yardstick, as far as it can be told without a clock."""

import time

import pytest

from pintower.bench.yardstick import Yardstick


def test_a_block_of_any_length_has_a_pace() -> None:
    with Yardstick() as yardstick:
        pass
    assert yardstick.milliseconds() > 0


def test_the_pace_of_a_time_is_taken_from_the_pieces_within_it() -> None:
    with Yardstick() as yardstick:
        time.sleep(0.01)
    yardstick._taken = [(at, at * 1e-3) for at in range(1, 21)]
    assert yardstick.milliseconds(3, 9) == pytest.approx(6)
    assert yardstick.milliseconds(3, 6) == pytest.approx(10.5)  # four are too few
    assert yardstick.milliseconds() == pytest.approx(10.5)
