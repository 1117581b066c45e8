"""Weights between a student's start and what training made of it.

Wortsman et al. (2022), "Robust fine-tuning of zero-shot models": on the straight way between a
pretrained network and the same one fine-tuned lie networks that are better than both on inputs
unlike those trained on.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["Weights", "blend", "trained_weights"]

Weights = Mapping[str, Tensor]
"""Name to values, of the weights that were trained."""


def trained_weights(module: torch.nn.Module) -> dict[str, Tensor]:
    """Return copies of the weights that are trained."""
    return {
        name: weight.detach().clone()
        for name, weight in module.named_parameters()
        if weight.requires_grad
    }


@torch.no_grad()
def blend(module: torch.nn.Module, start: Weights, end: Weights, share: float) -> None:
    """Set a module's weights to ``start + share (end - start)``, in place."""
    weights = dict(module.named_parameters())
    for name, value in start.items():
        weights[name].copy_(torch.lerp(value, end[name], share))
