"""The page says what limits its figures."""

from pintower.report.caveats import describe_caveats
from tests.report.conftest import DATASET


def test_real_graded_data_with_a_log_needs_no_caveat() -> None:
    assert describe_caveats(DATASET, 0.4) == []


def test_each_limit_of_the_data_is_said() -> None:
    limited = {**DATASET, "generated": True, "log": "judgments", "levels": [1, 5]}
    generated, log, levels = describe_caveats(limited, 0.0)
    assert "not how good it is" in generated
    assert "its judged queries stand in, each once, and no cache can help" in log
    assert "two levels, 1 and 5" in levels


def test_queries_of_impressions_that_repeat_are_not_said_to_come_once() -> None:
    (log,) = describe_caveats({**DATASET, "log": "impressions"}, 0.4)
    assert "each once" not in log
