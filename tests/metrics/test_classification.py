import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from pintower.metrics.classification import (
    accuracy,
    auroc,
    confusions,
    level_metrics,
    macro_f1,
    resampled_aurocs,
)

rows = st.lists(
    st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=40
)


def test_auroc_by_hand() -> None:
    assert auroc([True, True, False, False], [3, 1, 2, 0]) == 3 / 4
    assert auroc([True, False], [1, 1]) == 1 / 2
    assert auroc([True, True], [1, 2]) is None


@given(rows)
def test_auroc_agrees_with_scikit_learn(rows: list[tuple[bool, int, int]]) -> None:
    relevant, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    counts = np.stack([weights, 2.0 * weights])
    value = resampled_aurocs(relevant, scores, np.arange(len(scores)), counts)[1]
    drawn = relevant[weights > 0]
    if len(set(drawn.tolist())) < 2:
        assert np.isnan(value)
    else:
        assert value == pytest.approx(roc_auc_score(relevant, scores, sample_weight=weights))


def test_auroc_of_a_draw_of_queries_is_that_of_their_pairs() -> None:
    random = np.random.default_rng(0)
    relevant, scores = random.random(60) < 0.4, random.integers(0, 9, 60)
    group, counts = np.arange(60) // 10, random.multinomial(6, [1 / 6] * 6, 20).astype(float)
    areas = resampled_aurocs(relevant, scores, group, counts)
    for area, drawn in zip(areas, counts, strict=True):
        weights = drawn[group]
        assert area == pytest.approx(roc_auc_score(relevant, scores, sample_weight=weights))


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=40))
def test_macro_f1_agrees_with_scikit_learn(rows: list[tuple[int, int]]) -> None:
    levels, predicted = (np.array(column) for column in zip(*rows, strict=True))
    group = np.arange(len(levels)) % 3
    counts = confusions(levels, predicted, group, 3)
    assert counts.sum() == len(levels)
    expected = f1_score(levels, predicted, average="macro", zero_division=0)
    assert macro_f1(counts.sum(axis=0)) == pytest.approx(expected)


def test_macro_f1_of_nothing_does_not_exist() -> None:
    assert np.isnan(macro_f1(np.zeros((2, 5, 5)))).all()


def test_accuracy_tolerates_a_distance() -> None:
    assert accuracy([1, 2, 5], [1, 3, 1]) == pytest.approx(1 / 3)
    assert accuracy([1, 2, 5], [1, 3, 1], within=1) == pytest.approx(2 / 3)


def test_level_metrics_by_hand() -> None:
    probabilities = np.eye(5, dtype=np.float32)[[0, 4, 3]]
    values = level_metrics([1, 5, 5], probabilities)
    assert values["accuracy"] == pytest.approx(2 / 3)
    assert values["accuracy_within_one"] == 1
    assert values["accuracy_majority"] == pytest.approx(2 / 3)
    assert values["mae"] == pytest.approx(1 / 3)
    assert values["auroc_3"] == 1


def test_level_metrics_give_a_reason_where_there_is_no_auroc() -> None:
    values = level_metrics([1, 2], np.full((2, 5), 0.2, dtype=np.float32))
    assert values["auroc_3"] is None
    assert values["auroc_3_reason"] == "all 2 judgments stay below level 3"
