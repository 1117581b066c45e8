from hypothesis import given
from hypothesis import strategies as st

from pintower.report.scale import Scale, scale_over

finite = st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-6)


def test_a_scale_ends_on_round_numbers_around_its_values() -> None:
    scale = scale_over([0.655, 0.926])
    assert (scale.low, scale.high) == (0.6, 1.0)
    assert [tick.text for tick in scale.ticks] == ["0.6", "0.7", "0.8", "0.9", "1.0"]
    assert [tick.place for tick in scale.ticks] == [0, 25, 50, 75, 100]


def test_quarter_steps_keep_the_digits_they_need() -> None:
    assert [tick.text for tick in Scale(0, 10, 2.5).ticks] == ["0.0", "2.5", "5.0", "7.5", "10.0"]
    assert [tick.text for tick in Scale(-0.5, 0, 0.25).ticks] == ["−0.50", "−0.25", "0.00"]


def test_values_outside_stand_at_the_ends() -> None:
    scale = Scale(0, 10, 5)
    assert [scale.place(value) for value in (-1, 2.5, 11)] == [0, 25, 100]


@given(st.lists(finite, min_size=1, max_size=5), st.integers(2, 6))
def test_every_value_lies_on_its_scale_and_the_ticks_are_few(
    values: list[float], intervals: int
) -> None:
    scale = scale_over(values, intervals=intervals)
    slack = 1e-6 * (scale.high - scale.low)
    assert scale.low - slack <= min(values) <= max(values) <= scale.high + slack
    assert 2 <= len(scale.ticks) <= intervals + 2
