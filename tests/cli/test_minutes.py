import re

import pytest

from pintower.cli.minutes import in_words
from pintower.forecast import Forecast


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([("runs", 4.04, 4.04)], "About 4.0 minutes, as measured on this machine."),
        ([("runs", 14.4, 54.9)], "About 14 to 55 minutes, .*; the more if the teacher labels, .*"),
        ([("runs", 2.0, 2.0), ("may run", 3.0, 3.0)], "About 2.0 to 5.0 minutes, .* may run does."),
        ([("runs", 2.0, 2.0), ("runs", None, None)], "About 2.0 minutes, .*; unknown for s1."),
        ([("up to date", None, None)], ""),
    ],
)
def test_the_minutes_are_said_as_a_range_where_something_is_open(
    items: list[tuple[str, float | None, float | None]], words: str
) -> None:
    told = [Forecast(f"s{at}", state, (), *minutes) for at, (state, *minutes) in enumerate(items)]
    assert re.fullmatch(words, in_words(told))
