import numpy as np
import pytest
import torch

from pintower.models.tuning.losses import LOSSES, rank_score, total_loss


def one(level: int) -> list[float]:
    return [float(number == level) for number in range(1, 6)]


def test_rank_score_is_the_slope_of_logits_over_the_levels() -> None:
    slope, offsets = torch.tensor([0.7, -1.3]), torch.tensor([0.1, 0.5, -0.2, 0.0, 0.9])
    logits = slope[:, None] * torch.arange(5.0) + offsets
    difference = rank_score(logits)
    assert float(difference[0] - difference[1]) == pytest.approx(2.0, abs=1e-5)


def test_pairwise_loss_sees_only_pins_of_one_query_that_are_levels_apart() -> None:
    logits = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([one(5), one(1), one(1), one(5)])
    query = torch.tensor([0, 0, 0, 1])
    score = rank_score(logits).numpy()
    wanted = np.mean([np.log1p(np.exp(score[worse] - score[0])) for worse in (1, 2)])
    assert float(LOSSES["pairwise"](logits, targets, query)) == pytest.approx(wanted, abs=1e-6)
    alone = LOSSES["pairwise"](logits, targets, torch.arange(4))
    assert float(alone) == 0


def test_margin_mse_compares_differences_of_expected_levels() -> None:
    logits = torch.log(torch.tensor([[0.0, 0.0, 0.0, 0.5, 0.5], [1.0, 0, 0, 0, 0]]) + 1e-12)
    targets = torch.tensor([one(5), one(2)])
    loss = LOSSES["margin_mse"](logits, targets, torch.tensor([3, 3]))
    assert float(loss) == pytest.approx((3.5 - 3) ** 2, abs=1e-4)


def test_losses_add_up_by_their_weights() -> None:
    logits = torch.randn(3, 5, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([one(5), one(1), one(3)])
    query = torch.zeros(3, dtype=torch.int64)
    parts = {name: float(loss(logits, targets, query)) for name, loss in LOSSES.items()}
    given = total_loss({"cross_entropy": 1.0, "pairwise": 0.5}, logits, targets, query)
    assert float(given) == pytest.approx(parts["cross_entropy"] + 0.5 * parts["pairwise"], abs=1e-6)
