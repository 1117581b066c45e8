"""Texts as an encoder's graph embeds them, beside what their embeddings are held to."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pintower.contracts import BuiltGraph
from pintower.models.onnx_session import GraphEncoder

__all__ = ["Embedded", "cosines"]


@dataclass(frozen=True)
class Embedded:
    """N texts and an encoder's graph.

    Attributes:
        built: the graph.
        encoder: the graph with its tokenizer.
        texts: N, as rendered for the encoder.
        vectors: their feature vectors FP32 [N, V], if it takes any.
        reference: their embeddings in torch, FP32 [N, D].
        others: embeddings of the other tower in torch, FP32 [M, D].
    """

    built: BuiltGraph
    encoder: GraphEncoder
    texts: Sequence[str]
    vectors: NDArray[np.float32] | None
    reference: NDArray[np.float32]
    others: NDArray[np.float32]

    @cached_property
    def alone(self) -> NDArray[np.float32]:
        """Their embeddings by the graph, each text embedded alone, FP32 [N, D]."""
        return self.encoder.embed(self.texts, self.vectors)


def cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosine FP32 [N] of rows FP32 [N, D] with each other.

    Two rows of zeros, which an encoder may make of a text without a token, are the same.
    """
    norms = np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=1)
    cosine = (left * right).sum(axis=1) / np.maximum(norms[0] * norms[1], 1e-12)
    same: NDArray[np.float32] = np.where((norms[0] == 0) & (norms[1] == 0), 1, cosine)
    return same.astype(np.float32)
