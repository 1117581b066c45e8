import numpy as np
import pytest

from pintower.metrics.bootstrap import Resampling, bootstrap, mean_difference, mean_of_queries


def test_interval_of_a_mean_has_the_width_theory_gives() -> None:
    values = np.random.default_rng(0).normal(size=400)
    estimate = mean_of_queries(values, Resampling(2_000, 0.95, 1))
    assert estimate.value == pytest.approx(values.mean())
    error = values.std() / 20
    assert estimate.low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert estimate.high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_intervals_repeat_with_the_seed() -> None:
    values = np.random.default_rng(0).random(30)
    assert mean_of_queries(values, Resampling()) == mean_of_queries(values, Resampling())
    assert mean_of_queries(values, Resampling()) != mean_of_queries(values, Resampling(seed=8))


def test_a_difference_is_paired_by_query() -> None:
    """Two models that differ by the same amount on every query differ without doubt."""
    values = np.random.default_rng(0).random(30)
    estimate = mean_difference(values + 0.1, values, Resampling())
    assert (estimate.low, estimate.high) == pytest.approx((0.1, 0.1))


def test_draws_without_a_value_are_left_out() -> None:
    estimate = bootstrap(lambda counts: np.where(counts[:, 0], 1.0, np.nan), 2, Resampling(100))
    assert (estimate.value, estimate.low, estimate.high) == (1, 1, 1)


def test_a_query_without_a_value_is_left_out_of_the_mean() -> None:
    values = np.array([0.2, np.nan, 0.6, np.nan])
    estimate = mean_of_queries(values, Resampling(200))
    assert estimate.value == pytest.approx(0.4)
    assert estimate.low is not None and estimate.low >= 0.2
    assert mean_of_queries(np.full(3, np.nan), Resampling(5)).value is None


def test_no_queries_have_no_value() -> None:
    assert bootstrap(lambda counts: np.ones(len(counts)), 0, Resampling()).value is None
