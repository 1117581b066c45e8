"""Judged pairs that nothing is learned from: what a teacher in training is measured on."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from pintower.metrics.ranking import ndcg, per_query
from pintower.models.scoring_head import expected_level
from pintower.models.tuning.calibration import fit_temperature

__all__ = ["HeldOut", "Settled"]

_SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of what the network adds to the start, that are tried."""


@dataclass(frozen=True)
class Settled:
    """How much of the network's logits is added to the start, and at which temperature.

    Attributes:
        share: of the network's logits.
        temperature: that the sum is divided by.
        logits: the result FP32 [H, 5].
        ndcg: mean nDCG@20 of its expected levels.
        loss: its log loss.
    """

    share: float
    temperature: float
    logits: Tensor
    ndcg: float
    loss: float


@dataclass(frozen=True)
class HeldOut:
    """H judged pairs.

    Attributes:
        group: INT64 [H], their queries, numbered from 0.
        levels: INT64 [H], 1 to 5.
        start: logits FP32 [H, 5] that the network's own are added to; None where it starts from
            nothing.
    """

    group: NDArray[np.int64]
    levels: NDArray[np.int64]
    start: Tensor | None

    def settle(self, network: Tensor) -> Settled:
        """Return the share and the temperature under which the levels are likeliest.

        A network that was trained on few judgments is too sure of itself: a part of what it adds
        often ranks and predicts better than all of it.

        Args:
            network: its own logits FP32 [H, 5].
        """
        shares = (1.0,) if self.start is None else _SHARES
        return min((self._at(share, network) for share in shares), key=lambda found: found.loss)

    def _at(self, share: float, network: Tensor) -> Settled:
        given = share * network if self.start is None else self.start + share * network
        temperature = fit_temperature(given, self.levels)
        logits = given / temperature
        scores = expected_level(torch.softmax(logits.double(), dim=1)).numpy()
        return Settled(
            share=share,
            temperature=temperature,
            logits=logits,
            ndcg=float(per_query(ndcg, self.group, self.levels, scores).mean()),
            loss=float(cross_entropy(logits, torch.from_numpy(self.levels) - 1)),
        )
