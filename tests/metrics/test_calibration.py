import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from pintower.metrics.bootstrap import Resampling
from pintower.metrics.calibration import calibration_error, reliability

RESAMPLING = Resampling(200)


def drawn(pairs: int, seed: int = 0, *, overconfident: float = 0.0) -> tuple[np.ndarray, ...]:
    """Confidences, and hits that come as often as the confidence says, or less often."""
    random = np.random.default_rng(seed)
    confidence = random.uniform(0.3, 1.0, pairs)
    return confidence, random.random(pairs) < confidence - overconfident, np.arange(pairs) // 10


def test_reliability_by_hand() -> None:
    rows = reliability(np.array([0.2, 0.2, 0.2, 0.9]), np.array([True, False, False, True]))
    assert [(row.pairs, row.accuracy) for row in rows] == [(3, pytest.approx(1 / 3)), (1, 1)]
    assert [row.confidence for row in rows] == pytest.approx([0.2, 0.9])


def test_reliability_is_scikit_learns_calibration_curve() -> None:
    confidence, hits, _ = drawn(997)
    rows = reliability(confidence, hits)
    accuracy, mean = calibration_curve(hits, confidence, n_bins=10, strategy="quantile")
    assert [row.accuracy for row in rows] == pytest.approx(accuracy)
    assert [row.confidence for row in rows] == pytest.approx(mean)
    assert sum(row.pairs for row in rows) == 997
    assert {row.pairs for row in rows} <= {99, 100}


def test_error_is_the_mean_distance_of_the_bins() -> None:
    confidence, hits, group = drawn(1_000, overconfident=0.2)
    estimate = calibration_error(confidence, hits, group, 100, RESAMPLING)
    rows = reliability(confidence, hits)
    by_bin = sum(row.pairs * abs(row.accuracy - row.confidence) for row in rows) / 1_000
    assert estimate.value == pytest.approx(by_bin)
    assert estimate.value == pytest.approx(0.2, abs=0.05)
    assert estimate.low is not None and estimate.high is not None
    assert estimate.low < estimate.value < estimate.high


def test_a_model_that_knows_how_sure_it_is_has_a_small_error() -> None:
    estimate = calibration_error(*drawn(20_000), 2_000, RESAMPLING)
    assert estimate.value is not None and estimate.value < 0.02


def test_one_confidence_for_all_is_one_bin() -> None:
    confidence, hits = np.full(8, 0.5), np.arange(8) < 6
    (only,) = reliability(confidence, hits)
    assert (only.pairs, only.confidence, only.accuracy) == (8, 0.5, 0.75)
    estimate = calibration_error(confidence, hits, np.arange(8), 8, RESAMPLING)
    assert estimate.value == pytest.approx(0.25)


def test_nothing_judged_has_no_error() -> None:
    nothing = np.zeros(0)
    group = nothing.astype(np.int64)
    assert calibration_error(nothing, nothing > 0, group, 0, RESAMPLING).value is None
