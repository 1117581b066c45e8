"""Both towers and the scoring head while they are trained."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
from pintower.progress import track

__all__ = ["Texts", "balanced_inputs", "pool", "pool_all", "project", "start_together"]

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

    def first(self, count: int) -> "Texts":
        """Return the first texts."""
        return replace(self, rendered=self.rendered[:count])


def pool(encoder: SentenceTransformer, ids: Tensor, mask: Tensor, bf16: bool) -> Tensor:
    """Return the pooled text FP32 [B, H]: an encoder's backbone and pooling, no projection."""
    features: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
    with autocast(ids.device, bf16):
        for module in list(encoder)[:2]:
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
    for module in list(encoder)[2:]:
        features = module(features)
    embeddings: Tensor = features["sentence_embedding"]
    return embeddings


@torch.no_grad()
def pool_all(
    encoder: SentenceTransformer, texts: Texts, device: torch.device, bf16: bool
) -> Tensor:
    """Return the pooled text of every text, FP32 [N, H], without gradients."""
    encoder.eval()
    lengths = [len(tokens) for tokens in texts.tokenizer.encode_batch_fast(list(texts.rendered))]
    batches = list(length_batches(lengths, _BATCH_TOKENS))
    sizes = [len(batch) for batch in batches]
    pooled = torch.zeros(len(lengths), encoder[0].get_embedding_dimension(), device=device)
    for rows in track(batches, "reading the pins", total=sum(sizes), unit="pins", weights=sizes):
        pooled[torch.from_numpy(rows.copy())] = pool(encoder, *texts.tokens(rows, device), bf16)
    return pooled


@torch.no_grad()
def start_together(
    query_encoder: SentenceTransformer, pin_encoder: SentenceTransformer, pooled: Tensor
) -> None:
    """Let both projections begin as the same principal axes of the pooled pins.

    For towers that start from one pretrained encoder: the cosine it was trained for is then there
    from the first step, and queries that training never shows keep it. Nothing is done where the
    pins are fewer than the axes.

    Args:
        query_encoder: its projection is changed in place.
        pin_encoder: its projection is changed in place.
        pooled: pooled text of pins, FP32 [N, H].
    """
    projections = [_text_projection(encoder) for encoder in (query_encoder, pin_encoder)]
    width = projections[0].out_features
    sample = nn.functional.normalize(pooled)
    if width > min(sample.shape):
        return
    _, axes = torch.linalg.eigh(sample.T @ sample)
    for projection in projections:
        projection.weight.copy_(axes[:, -width:].T)
        projection.bias.zero_()


def _text_projection(encoder: SentenceTransformer) -> nn.Linear:
    layer: nn.Linear = encoder[2].text if feature_columns(encoder) else encoder[2].linear
    return layer


@contextmanager
def balanced_inputs(head: ScoringHead) -> Iterator[None]:
    """Train a scoring head inside the block as if all its inputs were of size one.

    Unit embeddings of width D have elements of about D ** -0.5, and their product of 1 / D; next to
    the standardized match features they would be learned last. The scales are folded into the first
    layer's weight when the block ends, so the head that is saved takes its inputs as they are.
    """
    scales = torch.ones(3 * head.width + len(head.match_features))
    scales[: 2 * head.width] = head.width**0.5
    scales[2 * head.width : 3 * head.width] = head.width
    first = head.layers[0]
    scaled = _Scaled(scales.to(head.match_mean.device))
    parametrize.register_parametrization(first, "weight", scaled)
    try:
        yield
    finally:
        parametrize.remove_parametrizations(first, "weight", leave_parametrized=True)


class _Scaled(nn.Module):
    """A weight whose columns stand for inputs multiplied by fixed scales."""

    scales: Tensor

    def __init__(self, scales: Tensor) -> None:
        super().__init__()
        self.register_buffer("scales", scales)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight for the inputs as they are."""
        return weight * self.scales
