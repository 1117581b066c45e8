import math

import pytest

from pintower.report.numbers import (
    counted,
    date,
    duration,
    interval,
    milliseconds,
    number,
    percent,
    signed,
    significant,
    size,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (True, "yes"), (20_000, "20,000"), (17.0, "17"), (0.5, "0.500"),
     (-0.25, "−0.250"), (3.3e-7, "3.3\u00a0×\u00a010⁻⁷"), (1234.5, "1,234.500"),
     (math.nan, "–"), ("snapshot", "snapshot")],
)  # fmt: skip
def test_numbers_are_shown_as_people_read_them(value: object, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.999403, "0.9994"), (17, "17"), (0, "0"), (54.864334, "54.86"), (123_456, "123,456"),
     (1.788e-7, "1.8\u00a0×\u00a010⁻⁷"), (None, "–"), (math.nan, "–")],
)  # fmt: skip
def test_measured_figures_keep_their_first_digits(value: float | None, shown: str) -> None:
    assert significant(value) == shown


def test_differences_carry_their_sign_and_intervals_both_ends() -> None:
    assert (signed(0.0241), signed(-0.2), signed(None)) == ("+0.024", "−0.200", "–")
    assert interval(-0.01, 0.0382) == "−0.010 to 0.038"
    assert interval(None, None) == "–"


@pytest.mark.parametrize(
    ("share", "shown"), [(0.494, "49\u202f%"), (0.0, "0\u202f%"), (0.003, "<\u202f1\u202f%"),
                         (1.0, "100\u202f%"), (None, "–"), (math.nan, "–")],
)  # fmt: skip
def test_a_share_that_is_not_nothing_is_never_shown_as_nothing(
    share: float | None, shown: str
) -> None:
    assert percent(share) == shown


def test_times_and_sizes_take_the_unit_that_fits() -> None:
    times = [0.13, 9.97, 59.6, 125, 3725]
    assert [duration(seconds).replace("\u202f", " ") for seconds in times] == [
        "0.1 s", "10 s", "1 min 0 s", "2 min 5 s", "1 h 2 min"
    ]  # fmt: skip
    sizes = [12, 1_500, 999_800, 67_000_000, 1_200_000_000]
    assert [size(count).replace("\u202f", " ") for count in sizes] == [
        "12 B", "1.5 kB", "1.0 MB", "67 MB", "1.2 GB"
    ]  # fmt: skip
    shown = [milliseconds(value) for value in (0.423, 3.14, 250.4, None)]
    assert shown == ["0.42", "3.1", "250", "–"]


def test_counts_agree_with_their_noun() -> None:
    assert counted(1, "query", "queries") == "1 query"
    assert counted(2_000, "query", "queries") == "2,000 queries"
    assert counted(0, "pin") == "0 pins"


def test_a_date_is_a_day() -> None:
    assert date(0) == "1 January 1970"
