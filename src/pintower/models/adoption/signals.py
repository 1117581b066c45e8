"""A pair as a few numbers, and how a small model over them is written as a scoring head.

For a scoring head the numbers are the pair's similarity and its match features. The similarity is
the sum of the head's product part, so its weight stands on every element of that part.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pintower.models.adoption.evidence import Evidence
from pintower.models.scoring_head import ScoringHead
from pintower.text.match_features import FEATURES

__all__ = ["Signals", "varying"]


class Signals:
    """N pairs as C standardized numbers.

    A model over them becomes a scoring head by :meth:`fold` where the first is the similarity and
    the others, if there are any, are the match features.

    Args:
        values: FP64 [N, C].
    """

    def __init__(self, values: NDArray[np.float64]) -> None:
        given = torch.from_numpy(values)
        self.count = given.shape[1]
        self.mean = given.mean(dim=0)
        self.scale = 1 / given.std(dim=0).clamp_min(1e-3)
        self.varying = varying(given)
        self.standard = (given - self.mean) * self.scale

    @classmethod
    def of(cls, evidence: Evidence) -> "Signals":
        """Return similarity and match features of judged pairs."""
        return cls(np.column_stack([evidence.similarity, evidence.matches]).astype(np.float64))

    @torch.no_grad()
    def predict(
        self, values: NDArray[np.float64], layer: tuple[Tensor, Tensor]
    ) -> NDArray[np.float32]:
        """Return the level probabilities FP32 [M, 5] that a layer over these numbers gives.

        Args:
            values: FP64 [M, C], not standardized, of any pairs.
            layer: weight FP64 [5, C] and bias FP64 [5].
        """
        weight, bias = layer
        standard = (torch.from_numpy(values) - self.mean) * self.scale
        logits = standard @ (weight * self.varying).T + bias
        probabilities: NDArray[np.float32] = torch.softmax(logits, dim=1).float().numpy()
        return probabilities

    @torch.no_grad()
    def fold(self, layers: Sequence[tuple[Tensor, Tensor]], width: int) -> ScoringHead:
        """Return a head of the same function as layers (weight, bias) over these numbers.

        Args:
            layers: the first one takes the C numbers; GELU stands between two.
            width: D of the embeddings.
        """
        (weight, bias), *others = layers
        head = ScoringHead(width, FEATURES, [len(bias) for _, bias in layers[:-1]])
        first, *rest = [module for module in head.layers if isinstance(module, nn.Linear)]
        weight = weight * self.varying
        first.weight.zero_()
        first.weight[:, 2 * width : 3 * width] = weight[:, :1] * self.scale[0]
        first.bias.copy_(bias - weight[:, 0] * self.mean[0] * self.scale[0])
        if self.count > 1:
            first.weight[:, 3 * width :] = weight[:, 1:]
            head.match_mean.copy_(self.mean[1:])
            head.match_scale.copy_(self.scale[1:])
        for module, (matrix, offset) in zip(rest, others, strict=True):
            module.weight.copy_(matrix)
            module.bias.copy_(offset)
        return head.eval()


def varying(values: Tensor) -> Tensor:
    """Return 1 for each column of values [N, C] that varies, else 0.

    A match feature that is one constant in all the pairs has taught nothing: it gets no weight.
    """
    return (values.max(dim=0).values > values.min(dim=0).values).to(values.dtype)
