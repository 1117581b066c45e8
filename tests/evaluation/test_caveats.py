import pytest

from pintower.evaluation.caveats import caveats


def difference(low: float, value: float, high: float) -> dict[str, float]:
    return {"low": low, "value": value, "high": high}


def test_many_queries_with_a_clear_difference_need_no_caveat() -> None:
    assert caveats(50, 5, difference(0.05, 0.06, 0.07)) == []
    assert caveats(50, 5, difference(-0.07, -0.06, -0.05)) == []


@pytest.mark.parametrize(
    ("queries", "levels", "best", "words"),
    [
        (49, 5, difference(0.05, 0.06, 0.07), "Only 49 queries are held out, fewer than 50"),
        (1, 5, difference(0.06, 0.06, 0.06), "Only one query is held out"),
        (80, 1, difference(0.05, 0.06, 0.07), "one level"),
        (80, 5, difference(-0.01, 0.01, 0.03), "is wider than the difference (+0.010)"),
        (80, 5, difference(0.001, 0.01, 0.03), "is wider than the difference (+0.010)"),
        (0, 0, None, "No query is held out"),
    ],
)
def test_each_limit_is_said(
    queries: int, levels: int, best: dict[str, float] | None, words: str
) -> None:
    (only,) = caveats(queries, levels, best)
    assert words in only
