import numpy as np
import torch

from pintower.models.scoring_head import ScoringHead
from pintower.models.tuning.calibration import fit_calibration


def test_overconfident_logits_are_cooled_to_what_they_know() -> None:
    """Levels drawn from a softmax: logits three times too large are found out."""
    random = np.random.default_rng(0)
    true = torch.from_numpy(random.standard_normal((6_000, 5)) * 1.5)
    shares = torch.softmax(true, dim=1).numpy()
    levels = np.array([random.choice(5, p=row) + 1 for row in shares])
    calibration = fit_calibration((true * 3).float(), levels)
    assert 2.7 < calibration.temperature < 3.6
    given = torch.softmax(calibration((true * 3).float()), dim=1).numpy()
    assert np.abs(given - shares).mean() < 0.02


def test_a_head_carries_its_calibration() -> None:
    torch.manual_seed(0)
    head = ScoringHead(4, ["a"], (8,))
    inputs = (torch.randn(50, 4), torch.randn(50, 4), torch.randn(50, 1))
    before = head(*inputs).detach()
    levels = np.random.default_rng(1).integers(1, 6, size=50)
    calibration = fit_calibration(before, levels)
    calibration.apply(head)
    torch.testing.assert_close(head(*inputs), calibration(before), atol=1e-5, rtol=1e-5)
