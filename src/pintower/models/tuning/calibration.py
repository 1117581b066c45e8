"""Probabilities that mean what they say: a scoring head's last layer fitted on held-out levels."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pintower.models.adoption.heads import minimize, soft_targets
from pintower.models.scoring_head import LEVELS, ScoringHead

__all__ = ["Calibration", "fit_calibration", "fit_temperature"]

_DOUBT = 0.02
_TEMPERATURES = (0.25, 4.0)
"""Beyond these a handful of pairs speaks, not the model."""
_PENALTY = 1e-3
"""On the offsets' squares: a level that nobody gave held out is not driven out of reach."""


class Calibration:
    """``logits / temperature + offsets``.

    Guo et al. (2017), "On Calibration of Modern Neural Networks", with an offset a level besides.

    Args:
        temperature: above zero.
        offsets: FP32 [5].
    """

    def __init__(self, temperature: float, offsets: Tensor) -> None:
        self.temperature = temperature
        self.offsets = offsets

    def __call__(self, logits: Tensor) -> Tensor:
        """Return calibrated logits FP32 [N, 5]."""
        return logits / self.temperature + self.offsets

    @torch.no_grad()
    def apply(self, head: ScoringHead) -> None:
        """Put it into a head's last layer, in place."""
        last = [module for module in head.layers if isinstance(module, nn.Linear)][-1]
        last.weight.div_(self.temperature)
        last.bias.div_(self.temperature).add_(self.offsets)


def fit_calibration(logits: Tensor, levels: NDArray[np.int64]) -> Calibration:
    """Return the calibration under which held-out levels are likeliest.

    Args:
        logits: FP32 [N, 5], of pairs that were not learned from.
        levels: INT64 [N], 1 to 5.
    """
    given, targets = logits.double(), soft_targets(levels, _DOUBT)
    rate = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    offsets = torch.zeros(LEVELS, dtype=torch.float64, requires_grad=True)

    def loss() -> Tensor:
        penalty = _PENALTY * offsets.square().sum()
        return cross_entropy(given * rate.exp() + offsets, targets) + penalty

    minimize([rate, offsets], loss)
    return Calibration(_temperature(rate), offsets.detach().float())


def fit_temperature(logits: Tensor, levels: NDArray[np.int64]) -> float:
    """Return the temperature alone under which held-out levels are likeliest; it changes no rank.

    Args:
        logits: FP32 [N, 5], of pairs that were not learned from.
        levels: INT64 [N], 1 to 5.
    """
    given, targets = logits.double(), soft_targets(levels, _DOUBT)
    rate = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    minimize([rate], lambda: cross_entropy(given * rate.exp(), targets))
    return _temperature(rate)


def _temperature(rate: Tensor) -> float:
    least, most = _TEMPERATURES
    return min(max(float((-rate).exp().detach()), least), most)
