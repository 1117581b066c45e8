"""Weights between a student's start and what training made of it.

Wortsman et al. (2022), "Robust fine-tuning of zero-shot models": on the straight way between a
pretrained network and the same one fine-tuned lie networks that are better than both on inputs
unlike those trained on. And "Model soups" (the same year): the mean of several runs from one start
is at least as good as they are.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

__all__ = ["Weights", "blend", "mean_weights", "trained_weights"]

Weights = Mapping[str, Tensor]
"""Name to values, of the weights that were trained."""


def trained_weights(module: torch.nn.Module) -> dict[str, Tensor]:
    """Return copies of the weights that are trained."""
    return {
        name: weight.detach().clone()
        for name, weight in module.named_parameters()
        if weight.requires_grad
    }


def mean_weights(runs: Sequence[Weights]) -> dict[str, Tensor]:
    """Return the mean of several runs' weights."""
    return {name: torch.stack([run[name] for run in runs]).mean(dim=0) for name in runs[0]}


@torch.no_grad()
def blend(module: torch.nn.Module, start: Weights, end: Weights, share: float) -> None:
    """Set a module's weights to ``start + share (end - start)``, in place."""
    weights = dict(module.named_parameters())
    for name, value in start.items():
        weights[name].copy_(torch.lerp(value, end[name], share))
