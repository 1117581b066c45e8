import pytest

from pintower.report.steps import spans
from tests.report.conftest import bench_row


def test_steps_start_when_what_they_wait_for_is_done() -> None:
    found = {span.name: span for span in spans(bench_row(mean_ms=2.5))}
    assert found["Tokenizer"].start == 0
    assert found["Query encoder"].start == found["Pin features"].start == pytest.approx(0.4)
    assert found["Scorer"].start == pytest.approx(1.3)  # the encoder is later than the pins
    assert (found["Rest"].start, found["Rest"].end) == pytest.approx((1.8, 2.5))
    assert found["Scorer"].waiting == pytest.approx(0.1)


def test_steps_that_add_up_to_more_than_the_mean_leave_no_rest() -> None:
    assert "Rest" not in [span.name for span in spans(bench_row(mean_ms=1.7))]


def test_an_unknown_step_starts_with_the_request() -> None:
    step = {"request_us": 1000.0, "queue_us": 0.0}
    assert [span.start for span in spans(bench_row(steps={"rerank": step}, mean_ms=1))] == [0.0]
