"""Both towers and the scoring head while they are trained."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn.utils import parametrize

from pintower.models.encoders import feature_columns
from pintower.models.optimization import autocast
from pintower.models.pin_inputs import length_batches
from pintower.models.scoring_head import ScoringHead
from pintower.models.tokenization import token_batch
from pintower.models.widths import principal_axes
from pintower.progress import track

__all__ = [
    "Texts",
    "balanced_inputs",
    "input_scales",
    "pool",
    "pool_all",
    "project",
    "start_together",
]

_BATCH_TOKENS = 8_192


@dataclass(frozen=True)
class Texts:
    """Rendered texts and the tokenizer that cuts them."""

    tokenizer: Any
    rendered: Sequence[str]

    def tokens(self, rows: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
        """Return token ids and mask, INT64 [B, L] each."""
        ids, mask = token_batch(self.tokenizer, [self.rendered[row] for row in rows])
        return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)

    def lengths(self, rows: NDArray[np.int64]) -> list[int]:
        """Return how many tokens some texts have."""
        texts = [self.rendered[row] for row in rows]
        return [len(tokens) for tokens in self.tokenizer.encode_batch_fast(texts)]


def pool(encoder: SentenceTransformer, ids: Tensor, mask: Tensor, bf16: bool) -> Tensor:
    """Return the pooled text FP32 [B, H]: what an encoder gives its projection."""
    features: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
    with autocast(ids.device, bf16):
        for module in list(encoder)[:-2]:
            features = module(features)
    pooled: Tensor = features["sentence_embedding"]
    return pooled.float()


def project(encoder: SentenceTransformer, pooled: Tensor, vectors: Tensor | None) -> Tensor:
    """Return embeddings FP32 [B, D] of pooled text: the rest of an encoder.

    Args:
        encoder: as :func:`pintower.models.encoders.build_encoder` makes it.
        pooled: FP32 [B, H].
        vectors: feature vectors FP32 [B, V], where the encoder takes them.
    """
    features: dict[str, Any] = {"sentence_embedding": pooled}
    if vectors is not None:
        features["feature_vectors"] = vectors
    for module in list(encoder)[-2:]:
        features = module(features)
    embeddings: Tensor = features["sentence_embedding"]
    return embeddings


@torch.no_grad()
def pool_all(
    encoder: SentenceTransformer, texts: Texts, device: torch.device, bf16: bool, *, unit: str
) -> Tensor:
    """Return the pooled text of every text, FP32 [N, H], without gradients."""
    encoder.eval()
    lengths = [len(tokens) for tokens in texts.tokenizer.encode_batch_fast(list(texts.rendered))]
    batches = list(length_batches(lengths, _BATCH_TOKENS))
    sizes = [len(batch) for batch in batches]
    width = _text_projection(encoder).in_features
    pooled = torch.zeros(len(lengths), width, device=device)
    for rows in track(batches, f"reading {unit}", total=sum(sizes), unit=unit, weights=sizes):
        pooled[torch.from_numpy(rows.copy())] = pool(encoder, *texts.tokens(rows, device), bf16)
    return pooled


@torch.no_grad()
def start_together(
    query_encoder: SentenceTransformer, pin_encoder: SentenceTransformer, pooled: Tensor
) -> None:
    """Let both projections begin as the same principal axes of the pooled pins, the largest first.

    For towers that start from one pretrained encoder: the cosine it was trained for is then there
    from the first step (all of it at the encoder's own width), and queries that training never
    shows keep it. Embeddings cut to their first numbers keep as much of it as so many can.

    Args:
        query_encoder: its projection is changed in place.
        pin_encoder: its projection is changed in place.
        pooled: pooled text of pins, FP32 [N, H].
    """
    projections = [_text_projection(encoder) for encoder in (query_encoder, pin_encoder)]
    axes = principal_axes(nn.functional.normalize(pooled), projections[0].out_features)
    for projection in projections:
        projection.weight.copy_(axes)
        projection.bias.zero_()


def _text_projection(encoder: SentenceTransformer) -> nn.Linear:
    last = encoder[-2]
    layer: nn.Linear = last.text if feature_columns(encoder) else last.linear
    return layer


@contextmanager
def balanced_inputs(head: ScoringHead) -> Iterator[None]:
    """Train a scoring head inside the block as if all its inputs were of size one.

    Unit embeddings of width D have elements of about D ** -0.5, and their product of 1 / D; next to
    the standardized match features they would be learned last. The scales are folded into the first
    layer's weight when the block ends, so the head that is saved takes its inputs as they are.
    """
    scaled = _Scaled(input_scales(head))
    first = head.layers[0]
    parametrize.register_parametrization(first, "weight", scaled)
    try:
        yield
    finally:
        parametrize.remove_parametrizations(first, "weight", leave_parametrized=True)


def input_scales(head: ScoringHead) -> Tensor:
    """Return what makes each input of a head one of size one, FP32 [3 D + F]."""
    scales = torch.ones(3 * head.width + len(head.match_features))
    scales[: 2 * head.width] = head.width**0.5
    scales[2 * head.width : 3 * head.width] = head.width
    return scales.to(head.match_mean.device)


class _Scaled(nn.Module):
    """A weight whose columns stand for inputs multiplied by fixed scales."""

    scales: Tensor

    def __init__(self, scales: Tensor) -> None:
        super().__init__()
        self.register_buffer("scales", scales)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight for the inputs as they are."""
        return weight * self.scales

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return what stands for a weight: the head's function stays when the block begins."""
        return weight / self.scales
