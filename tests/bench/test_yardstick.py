"""The yardstick, as far as it can be told without a clock."""

import pytest

from pintower.bench import yardstick as module
from pintower.bench.yardstick import paced, yardstick


def test_the_yardstick_measures_something() -> None:
    assert yardstick() > 0


def test_a_measurements_pace_is_between_the_one_before_and_the_one_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paces = iter([4.0, 9.0])
    monkeypatch.setattr(module, "yardstick", lambda: next(paces))
    assert paced(lambda: "measured") == ("measured", pytest.approx(6.0))
