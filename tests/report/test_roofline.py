"""The roofline on the page."""

import pytest

from pintower.report.latency import describe_latency
from pintower.report.roofline import describe_roofline
from tests.report.conftest import ROOFLINE, bench_results, bench_row


def test_operations_are_those_of_all_rows_and_rates_those_the_graph_asks_for() -> None:
    found = describe_roofline(ROOFLINE)
    assert found is not None
    encoder, scorer = found.rows
    assert (encoder.size, scorer.size) == ("16 tokens", "100 candidates")
    assert encoder.megaoperations == pytest.approx(336)
    assert scorer.megaoperations == pytest.approx(6)
    assert found.ceilings[0] == "Query encoder: 970 GOP/s in int8, 41 GB/s read."
    assert "int8" not in found.ceilings[1]


def test_a_bench_without_a_roofline_shows_none() -> None:
    assert describe_latency(bench_results(bench_row())).roofline is None
    assert describe_latency({**bench_results(bench_row()), "roofline": None}).roofline is None
