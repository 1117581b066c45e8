import numpy as np
import pytest
from scipy.stats import permutation_test

from pintower.metrics.significance import adjusted, paired_p_value


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3])
def test_p_value_is_that_of_scipys_test(shift: float) -> None:
    differences = np.random.default_rng(1).normal(shift, 0.5, 40)
    expected = permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=9_999,
        vectorized=True, rng=np.random.default_rng(2),
    ).pvalue  # fmt: skip
    assert paired_p_value(differences, 7) == pytest.approx(expected, abs=0.015)


def test_p_value_of_few_queries_is_that_of_all_their_signs() -> None:
    """Of eight ways to sign three differences two are as extreme as all on one side."""
    assert paired_p_value(np.array([0.1, 0.2, 0.3]), 7) == pytest.approx(1 / 4, abs=0.02)
    assert paired_p_value(np.array([0.4]), 7) == 1


def test_no_difference_at_all_is_chance() -> None:
    assert paired_p_value(np.zeros(5), 7) == 1


def test_p_values_are_adjusted_for_their_number() -> None:
    """Each times the number of parts over its rank, and never above a larger one's."""
    assert adjusted([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert adjusted([]) == []
