import numpy as np
import pytest

from pintower.export.int8.calibration import choose_range
from pintower.export.int8.scales import choose_scale, quantize_weight


def test_weights_come_back_within_half_a_step() -> None:
    weight = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
    weight[:, 2] = 0
    for columns, shape in ((True, (5,)), (False, ())):
        quantized = quantize_weight(weight, columns=columns)
        assert quantized.values.dtype == np.int8
        assert quantized.scales.shape == shape
        error = np.abs(quantized.values * quantized.scales - weight)
        assert (error <= quantized.scales / 2 + 1e-7).all()


def test_one_large_channel_is_evened_out() -> None:
    """With one range for all channels the small ones would be left a few steps."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(500, 16)).astype(np.float32)
    rows[:, 3] *= 100
    weight = random.normal(size=(16, 8)).astype(np.float32)
    weight[3] /= 100
    scale = choose_scale(rows, weight, "minmax", free=True, max_error=0)
    assert scale.channel is not None
    assert scale.channel[3] < np.delete(scale.channel, 3).min() / 5
    assert scale.error < 0.02


def test_channels_that_are_even_are_left_alone() -> None:
    random = np.random.default_rng(0)
    rows = random.uniform(-1, 1, size=(500, 16)).astype(np.float32)
    weight = random.uniform(-1, 1, size=(16, 8)).astype(np.float32)
    scale = choose_scale(rows, weight, "minmax", free=False, max_error=0.03)
    assert scale.channel is None
    assert not scale.columns
    assert scale.error < 0.03


def test_uneven_columns_take_a_scale_each_where_the_budget_asks_for_it() -> None:
    random = np.random.default_rng(0)
    rows = random.uniform(-1, 1, size=(500, 64)).astype(np.float32)
    weight = random.uniform(-1, 1, size=(64, 8)).astype(np.float32)
    weight[:, 0] *= 20
    weight[:, 1:] /= 20
    # Most of the result's size is in the one large column, so only a small budget sees the others.
    wide, narrow = (
        choose_scale(rows, weight, "minmax", free=False, max_error=budget)
        for budget in (0.03, 0.0055)
    )
    assert (wide.columns, narrow.columns) == (False, True)
    assert narrow.error < 0.0055 < wide.error


def test_the_most_exact_way_is_taken_where_none_keeps_the_budget() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(500, 16)).astype(np.float32)
    weight = random.normal(size=(16, 8)).astype(np.float32)
    least = choose_scale(rows, weight, "minmax", free=False, max_error=0)
    tight = choose_scale(rows, weight, "minmax", free=False, max_error=1e-6)
    assert tight.error == least.error
    assert least.error < choose_scale(rows, weight, "minmax", free=False, max_error=1).error


@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy"])
def test_range_covers_zero(method: str) -> None:
    values = np.random.default_rng(0).uniform(1, 2, size=1_000).astype(np.float32)
    low, high = choose_range(values, method)  # type: ignore[arg-type]
    assert low <= 0 < high


def test_percentile_leaves_a_lone_outlier_out() -> None:
    values = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    values[0] = 1_000
    assert choose_range(values, "minmax")[1] == 1_000
    assert choose_range(values, "percentile")[1] < 10
