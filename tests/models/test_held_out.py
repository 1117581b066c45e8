import numpy as np
import torch

from pintower.models.held_out import HeldOut


def held_out(start: bool = True) -> HeldOut:
    random = np.random.default_rng(0)
    levels = random.integers(1, 6, size=200)
    logits = torch.zeros(200, 5)
    return HeldOut(np.repeat(np.arange(20), 10), levels, logits if start else None)


def towards(levels: np.ndarray, strength: float) -> torch.Tensor:
    return strength * torch.nn.functional.one_hot(torch.from_numpy(levels) - 1, 5).float()


def test_all_of_a_network_that_is_right_is_taken() -> None:
    given = held_out()
    found = given.settle(towards(given.levels, 2.0))
    assert found.temperature < 1  # it is surer than it said
    assert found.ndcg == 1


def test_less_is_taken_of_a_network_that_is_too_sure() -> None:
    """It adds much noise to a start that knows the levels."""
    given = held_out()
    noise = torch.randn(200, 5, generator=torch.Generator().manual_seed(0)) * 3
    known = HeldOut(given.group, given.levels, towards(given.levels, 2.0))
    found = known.settle(noise)
    assert found.share == 0.25
    assert found.loss < float(
        torch.nn.functional.cross_entropy(
            towards(given.levels, 2.0) + noise, torch.from_numpy(given.levels) - 1
        )
    )


def test_a_network_without_a_start_is_taken_whole() -> None:
    given = held_out(start=False)
    found = given.settle(towards(given.levels, 1.0))
    assert found.share == 1
    torch.testing.assert_close(found.logits, towards(given.levels, 1.0) / found.temperature)
