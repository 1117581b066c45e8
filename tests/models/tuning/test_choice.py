import numpy as np
import pytest
import torch

from pintower.models.tuning.choice import Candidate, Judged, choose, measure

QUERIES = 60


def candidate(name: str, gain: float, loss: float, *, noise: float = 0.0) -> Candidate:
    random = np.random.default_rng(len(name))
    base = np.random.default_rng(0).uniform(0.5, 0.9, QUERIES)
    ndcg = base + gain + noise * random.standard_normal(QUERIES)
    return Candidate(name, 1.0, ndcg, np.full(QUERIES, loss))


def test_a_clear_gain_is_taken_and_the_reason_says_how_much() -> None:
    verdict = choose([candidate("start", 0, 1.0), candidate("tuned", 0.02, 0.9, noise=0.01)], 7)
    assert verdict.at == 1
    assert "tuned" in verdict.reason and "+0.01" in verdict.reason


def test_a_gain_within_the_noise_is_left() -> None:
    verdict = choose([candidate("start", 0, 1.0), candidate("tuned", 0.002, 1.0, noise=0.1)], 7)
    assert verdict.at == 0
    assert verdict.reason.startswith("the start")


def test_a_loss_of_rank_is_never_taken_for_surer_levels() -> None:
    verdict = choose([candidate("start", 0, 1.0), candidate("tuned", -0.01, 0.2)], 7)
    assert verdict.at == 0


def test_surer_levels_are_taken_where_the_rank_is_the_same() -> None:
    verdict = choose([candidate("start", 0, 1.0), candidate("tuned", 0.0, 0.8)], 7)
    assert verdict.at == 1


def test_of_equal_ranks_the_lower_loss_is_taken() -> None:
    rows = [
        candidate("start", 0, 1.0),
        candidate("whole", 0.0201, 0.9, noise=0.02),
        candidate("half", 0.02, 0.7, noise=0.02),
    ]
    assert choose(rows, 7).at == 2


def test_figures_follow_from_logits() -> None:
    judged = Judged(query=np.array([0, 0, 1]), levels=np.array([5, 1, 3]))
    logits = torch.zeros(3, 5)
    logits[0, 4] = 3.0
    found = measure("a", 0.5, logits, judged)
    assert found.ndcg.tolist() == [1.0, 1.0]
    assert found.loss[1] == pytest.approx(np.log(5))
    share = np.exp(3) / (np.exp(3) + 4)
    assert found.loss[0] == pytest.approx((-np.log(share) + np.log(5)) / 2)
