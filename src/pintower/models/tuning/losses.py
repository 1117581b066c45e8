"""What a student in training is told it did wrong, on one batch of pairs.

Each loss takes the logits of B pairs, their targets (five probabilities: a teacher's, or a one for
a human's level) and the query of each.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss, softplus

from pintower.config import LossName
from pintower.models.scoring_head import LEVELS, expected_level

__all__ = ["LOSSES", "rank_score", "total_loss"]

_APART = 0.5
"""Levels between two pins of a query from which on their order is taught."""


def rank_score(logits: Tensor) -> Tensor:
    """Return what logits FP32 [N, 5] say of the rank alone, FP32 [N], unbounded.

    Their slope over the levels. For a head ``logit_k = k z + b_k`` it is z and a constant.
    """
    ranks = torch.arange(LEVELS, dtype=logits.dtype, device=logits.device) - (LEVELS - 1) / 2
    return logits @ ranks / ranks.square().sum()


def _cross_entropy(logits: Tensor, targets: Tensor, query: Tensor) -> Tensor:
    """Hinton, Vinyals & Dean (2015), "Distilling the Knowledge in a Neural Network"."""
    return cross_entropy(logits, targets)


def _pairwise(logits: Tensor, targets: Tensor, query: Tensor) -> Tensor:
    """Burges et al. (2005), "Learning to Rank using Gradient Descent" (RankNet)."""
    score, level = rank_score(logits), expected_level(targets)
    better = (query[:, None] == query) & (level[:, None] - level >= _APART)
    losses = softplus(score - score[:, None])[better]  # of the better pin below the other
    return losses.mean() if len(losses) else score.sum() * 0


def _margin_mse(logits: Tensor, targets: Tensor, query: Tensor) -> Tensor:
    """Return the squared error of differences between expected levels of a query's pins.

    Hofstätter et al. (2020), "Improving Efficient Neural Ranking Models with Cross-Architecture
    Knowledge Distillation".
    """
    score, level = expected_level(torch.softmax(logits, dim=1)), expected_level(targets)
    two = (query[:, None] == query).triu(diagonal=1)
    given, wanted = ((values[:, None] - values)[two] for values in (score, level))
    return mse_loss(given, wanted) if len(given) else score.sum() * 0


LOSSES: Mapping[LossName, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "cross_entropy": _cross_entropy,
    "pairwise": _pairwise,
    "margin_mse": _margin_mse,
}
"""By the name that a recipe gives them."""


def total_loss(
    weights: Mapping[LossName, float], logits: Tensor, targets: Tensor, query: Tensor
) -> Tensor:
    """Return the weighted sum of the losses that are named.

    Args:
        weights: of each loss.
        logits: FP32 [B, 5].
        targets: FP32 [B, 5].
        query: INT64 [B], pairs of one query have one number.
    """
    parts = [weight * LOSSES[name](logits, targets, query) for name, weight in weights.items()]
    return torch.stack(parts).sum()
