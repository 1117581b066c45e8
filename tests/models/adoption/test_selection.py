from dataclasses import replace

import numpy as np
import pytest

from pintower.models.adoption.selection import choose_head
from tests.models.adoption.judged import make_evidence


def choose(evidence, **changes):  # noqa: ANN001, ANN003, ANN201
    baselines = {"cosine": evidence.similarity, "bm25": evidence.matches[:, 0]}
    return choose_head(evidence, baselines, **{"seed": 7, "hidden": (8,), **changes})


def test_the_simplest_head_is_kept_where_a_richer_one_gains_nothing() -> None:
    choice = choose(make_evidence())
    assert choice.name == "cosine"
    assert list(choice.measured["heads"]) == ["cosine", "linear", "mlp"]


def test_a_richer_head_is_taken_where_match_features_tell_levels_apart() -> None:
    choice = choose(make_evidence(match_weight=2.0, queries=80))
    assert choice.name == "linear"
    row = choice.measured["heads"]["linear"]
    assert row["log_loss"]["high"] < choice.measured["heads"]["cosine"]["log_loss"]["low"]
    assert row["differences"]["cosine"]["low"] > 0


def test_a_network_over_everything_is_tried_with_many_pairs_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pintower.models.adoption.selection._FULL_PAIRS", 400)
    assert "full" in choose(make_evidence()).measured["heads"]


def test_the_calibrated_cosine_is_measured_as_the_cosine_ranks() -> None:
    measured = choose(make_evidence()).measured
    assert measured["heads"]["cosine"]["ndcg@20"] == measured["baselines"]["cosine"]["ndcg@20"]
    assert measured["heads"]["cosine"]["differences"]["cosine"]["value"] == 0


def test_choosing_twice_gives_the_same_figures() -> None:
    first, second = choose(make_evidence()), choose(make_evidence())
    assert first.measured == second.measured


def test_writings_of_one_query_are_held_out_together() -> None:
    evidence = replace(make_evidence(queries=20), texts=[f"Q{n // 2}" + " " * n for n in range(20)])
    fold = evidence.folds(5, seed=3)
    of_text = {evidence.texts[query].strip(): set() for query in range(20)}
    for query, number in zip(evidence.query, fold, strict=True):
        of_text[evidence.texts[query].strip()].add(int(number))
    assert all(len(numbers) == 1 for numbers in of_text.values())
    assert np.unique(fold).tolist() == [0, 1, 2, 3, 4]
