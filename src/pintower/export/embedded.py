"""Texts as an encoder's graph embeds them, beside what their embeddings are held to."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pintower.contracts import BuiltGraph
from pintower.models.onnx_session import GraphEncoder

__all__ = ["Embedded"]


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
