import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import dcg_score, ndcg_score

from pintower.metrics.ranking import (
    gains,
    kendall_tau,
    ndcg,
    per_query,
    precision,
    scaled_dcg,
    spearman,
)

pairs = st.lists(st.tuples(st.integers(1, 5), st.integers(-3, 3)), min_size=2, max_size=40).map(
    lambda rows: (np.array([r[0] for r in rows]), np.array([r[1] for r in rows], dtype=float))
)


def test_ndcg_of_three_pins_computed_by_hand() -> None:
    # Gains 1, 31, 7 in this order; the ideal order is 31, 7, 1.
    ideal = 31 + 7 / np.log2(3) + 1 / 2
    given_order = 1 + 31 / np.log2(3) + 7 / 2
    assert ndcg([1, 5, 3], [0.9, 0.5, 0.1]) == pytest.approx(given_order / ideal)


def test_ndcg_of_ties_is_the_mean_over_their_orders() -> None:
    either = (ndcg([5, 1], [2, 1]) + ndcg([5, 1], [1, 2])) / 2
    assert ndcg([5, 1], [0, 0]) == pytest.approx(either)


def test_ndcg_cuts_a_tie_that_crosses_the_last_rank() -> None:
    assert ndcg([5, 1, 1], [0, 0, 0], k=1) == pytest.approx((31 + 1 + 1) / 3 / 31)


def test_precision_counts_levels_of_four_and_five_in_eight_ranks() -> None:
    assert precision([5, 4, 3, 1], [4, 3, 2, 1]) == 2 / 8
    assert precision([5] * 4 + [1] * 8, np.zeros(12)) == pytest.approx(4 / 12)
    assert precision([1] * 8 + [5] * 4, range(12, 0, -1)) == 0


def test_scaled_dcg_by_hand() -> None:
    found = 31 + 1 / np.log2(3)
    assert scaled_dcg([1, 5], [1, 2], k=2) == pytest.approx(found / (31 + 31 / np.log2(3)))


def test_scaled_dcg_is_one_only_where_all_ranks_hold_the_top_level() -> None:
    assert scaled_dcg([5] * 30, np.arange(30)) == pytest.approx(1)
    assert scaled_dcg([4] * 30, np.arange(30)) == pytest.approx(15 / 31)
    assert scaled_dcg([5] * 24, np.arange(24)) < 1  # the twenty-fifth rank is empty


@given(pairs)
def test_scaled_dcg_agrees_with_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    levels, scores = pair
    best = dcg_score([[31.0] * 25], [range(25)])
    expected = dcg_score([gains(levels)], [scores], k=25) / best
    assert scaled_dcg(levels, scores) == pytest.approx(expected)


def test_rank_correlations_by_hand() -> None:
    # Of the six pairs one has tied levels, four agree and one does not; no scores are tied.
    levels, scores = [1, 3, 3, 5], [0.1, 0.2, 0.4, 0.3]
    assert kendall_tau(levels, scores) == pytest.approx((4 - 1) / np.sqrt(5 * 6))
    ranks = np.corrcoef([1, 2.5, 2.5, 4], [1, 2, 4, 3])[0, 1]
    assert spearman(levels, scores) == pytest.approx(ranks)


@given(pairs)
def test_rank_correlations_agree_with_their_definitions(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    levels, scores = pair
    if np.ptp(levels) == 0:
        assert np.isnan(kendall_tau(levels, scores)) and np.isnan(spearman(levels, scores))
        return
    by_level, by_score = (np.sign(np.subtract.outer(given, given)) for given in pair)
    untied = np.sqrt(np.abs(by_level).sum() * np.abs(by_score).sum())
    tau = (by_level * by_score).sum() / untied if untied else 0
    assert kendall_tau(levels, scores) == pytest.approx(tau, abs=1e-9)
    ranks = [np.sign(np.subtract.outer(given, given)).sum(axis=1) for given in pair]
    rho = np.corrcoef(*ranks)[0, 1] if np.ptp(scores) else 0
    assert spearman(levels, scores) == pytest.approx(rho, abs=1e-9)


def test_per_query_keeps_queries_apart() -> None:
    group = np.array([1, 0, 1, 0])
    values = per_query(ndcg, group, [1, 5, 5, 1], [1.0, 2.0, 2.0, 1.0])
    assert values.tolist() == [1.0, 1.0]


@given(pairs)
def test_ndcg_lies_in_the_unit_interval_and_agrees_with_scikit_learn(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    levels, scores = pair
    value = ndcg(levels, scores)
    assert 0 < value <= 1
    assert value == pytest.approx(ndcg_score([gains(levels)], [scores], k=20))


@given(pairs)
def test_perfect_order_has_ndcg_one(pair: tuple[np.ndarray, np.ndarray]) -> None:
    levels, _ = pair
    assert ndcg(levels, levels) == pytest.approx(1)


@given(st.permutations(list(range(30))))
def test_measures_agree_with_trec_eval_where_nothing_is_tied(order: list[int]) -> None:
    levels = np.arange(30) % 5 + 1
    qrels = [ir_measures.Qrel("q", str(pin), int(level)) for pin, level in enumerate(levels)]
    run = [ir_measures.ScoredDoc("q", str(pin), score) for pin, score in enumerate(order)]
    by_gain = {level: 2**level - 1 for level in range(1, 6)}
    measures = [
        ir_measures.nDCG(cutoff=20, gains=by_gain), ir_measures.P(cutoff=8, rel=4)
    ]  # fmt: skip
    expected = ir_measures.calc_aggregate(measures, qrels, run)
    assert ndcg(levels, order) == pytest.approx(expected[measures[0]])
    assert precision(levels, order) == pytest.approx(expected[measures[1]])
