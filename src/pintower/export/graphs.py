"""The student's three networks in the form they are traced in: everything inside the graph.

Pooling, projection and normalization belong to the encoders' graphs, softmax, expected level and
the check for finite values to the scorer's, so that nothing is left for a server to do.
"""

from typing import Any, cast

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Normalize,
    Pooling,
    StaticEmbedding,
)
from torch import Tensor, nn

from pintower.models.first_module import mean_of_rows
from pintower.models.scoring_head import LEVELS, ScoringHead

__all__ = ["EncoderGraph", "ScorerGraph"]


class EncoderGraph(nn.Module):
    """An encoder from token ids to the unit embedding.

    Args:
        encoder: a loaded encoder; its modules are shared, not copied.
    """

    def __init__(self, encoder: SentenceTransformer) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, features: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return ``EMBEDDING`` FP32 [B, D] of token ids and mask INT64 [B, L].

        ``features`` are a pin's feature vectors FP32 [B, V], for encoders that take them.
        """
        state: dict[str, Any] = {"input_ids": input_ids, "attention_mask": attention_mask}
        if features is not None:
            state["feature_vectors"] = features
        for module in self.encoder:
            if isinstance(module, Pooling) and module.pooling_mode == "mean":
                state["sentence_embedding"] = _mean(state["token_embeddings"], attention_mask)
            elif isinstance(module, StaticEmbedding):
                state["sentence_embedding"] = mean_of_rows(module, state)
            elif isinstance(module, Normalize) and _reads(module) == "sentence_embedding":
                state["sentence_embedding"] = _unit(state["sentence_embedding"])
            else:
                state = module(state)
        return {"EMBEDDING": state["sentence_embedding"]}


def _reads(module: Normalize) -> str:
    """Return what a normalization reads: it may be told to read the tokens' embeddings."""
    return getattr(module, "module_input_name", "sentence_embedding")


def _mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Return the mean FP32 [B, H] of tokens FP32 [B, L, H]: a product, not a masked copy."""
    weights = mask.to(tokens.dtype)
    total = weights.sum(dim=1, keepdim=True).clamp(min=1e-9)
    return torch.matmul(weights[:, None, :], tokens)[:, 0] / total


def _unit(rows: Tensor) -> Tensor:
    """Return rows FP32 [B, H] at length 1, without the shapes that tracing normalize leaves."""
    lengths: Tensor = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / lengths.clamp(min=1e-12)


class ScorerGraph(nn.Module):
    """The scoring head for one query and any number of pins, none included.

    What hangs on the query alone is computed once a request: with the first layer's weights split
    into those of query, pin, product and match features, ``W_pin p + W_product (q * p)`` is one
    product of the pins with ``W_pin + W_product * q``.

    Args:
        head: the trained head; layers behind the first are shared, not copied.
    """

    of_query: Tensor
    of_pin: Tensor
    of_product: Tensor
    of_matches: Tensor
    bias: Tensor

    def __init__(self, head: ScoringHead) -> None:
        super().__init__()
        first, width = cast(nn.Linear, head.layers[0]), head.width
        weight = first.weight.detach()
        parts = torch.split(weight, [width, width, width, len(head.match_features)], dim=1)
        matches = parts[3] * head.match_scale
        buffers = {
            "of_query": parts[0].T,
            "of_pin": parts[1].T,
            "of_product": parts[2].T,
            "of_matches": matches.T,
            "bias": first.bias.detach() - matches @ head.match_mean,
        }
        for name, value in buffers.items():
            self.register_buffer(name, value.contiguous())
        self.rest = head.layers[1:]

    def forward(
        self, query_embedding: Tensor, pin_embeddings: Tensor, match_features: Tensor
    ) -> dict[str, Tensor]:
        """Score pins.

        Args:
            query_embedding: FP32 [1, D].
            pin_embeddings: FP32 [N, D].
            match_features: FP32 [N, F].

        Returns:
            ``PROBABILITIES`` FP32 [N, 5], ``SCORE`` FP32 [N] and ``VALID`` BOOL [N]. A pin is
            valid where all that went in and its score are finite; elsewhere score and
            probabilities are 0.
        """
        mixed = self.of_pin + self.of_product * query_embedding.T
        once = query_embedding @ self.of_query + self.bias
        # In this order ONNX Runtime makes two products of it that add as they go.
        hidden = pin_embeddings @ mixed + (match_features @ self.of_matches + once)
        probabilities = torch.softmax(self.rest(hidden), dim=1)
        # The expected level. As a matrix product it fails on zero pins in ONNX Runtime 1.19.
        score = (probabilities * torch.arange(1.0, LEVELS + 1)).sum(dim=1)
        # Each element of `hidden` sums over all that went in, and what isn't finite stays so in a
        # sum: one look at the narrow sums does for the wide inputs. Times 0 it is NaN.
        valid = (hidden * 0).sum(dim=1) + score * 0 == 0
        return {
            "PROBABILITIES": torch.where(valid[:, None], probabilities, 0.0),
            "SCORE": torch.where(valid, score, 0.0),
            "VALID": valid,
        }
