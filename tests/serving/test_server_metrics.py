import pytest

from pintower.errors import SetupError
from pintower.serving.metrics import ModelMetrics, parse_metrics, scrape_metrics, subtract_metrics

PAGE = """\
# HELP nv_inference_request_success Number of successful inference requests
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="encoder",version="1"} 10
nv_inference_request_success{model="encoder",version="2"} 4
nv_inference_request_failure{model="encoder",reason="OTHER",version="1"} 2
nv_inference_request_failure{model="encoder",reason="BACKEND",version="1"} 1
nv_inference_queue_duration_us{model="encoder",version="1"} 1.5e+06
nv_cache_num_hits_per_model{model="encoder",version="1"} 8
nv_cache_num_misses_per_model{model="encoder",version="1"} 1
nv_cpu_utilization 0.5
"""


def test_versions_are_told_apart_and_failure_reasons_added_up() -> None:
    metrics = parse_metrics(PAGE)
    assert metrics["encoder", "1"].success == 10
    assert metrics["encoder", "1"].failure == 3
    assert metrics["encoder", "1"].queue_us == 1_500_000
    assert metrics["encoder", "2"] == ModelMetrics(success=4)


def test_hit_rate_is_hits_over_successful_requests_not_over_lookups() -> None:
    assert parse_metrics(PAGE)["encoder", "1"].hit_rate == pytest.approx(0.8)
    assert ModelMetrics().hit_rate == 0.0


def test_a_difference_counts_a_new_model_from_zero() -> None:
    after = {("a", "1"): ModelMetrics(success=5), ("b", "1"): ModelMetrics(success=2)}
    before = {("a", "1"): ModelMetrics(success=3)}
    difference = subtract_metrics(after, before)
    assert difference["a", "1"].success == 2
    assert difference["b", "1"].success == 2


def test_no_server_is_a_setup_error_that_names_the_address() -> None:
    with pytest.raises(SetupError, match="http://127.0.0.1:9/metrics"):
        scrape_metrics("http://127.0.0.1:9/metrics", timeout=1)
