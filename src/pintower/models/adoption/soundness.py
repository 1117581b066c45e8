"""The proof that an encoder tells texts apart at all: broken weights are told before they serve."""

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from pintower.errors import StudentError
from pintower.models.encoders import embed_tokens

__all__ = ["require_soundness"]

_TEXTS, _TOKENS = 16, 8
_LEAST = 1e-4
"""Largest difference of an element between any two of the texts, of embeddings of length one."""


@torch.inference_mode()
def require_soundness(encoder: SentenceTransformer, rows: int, name: str) -> None:
    """Check that different tokens have embeddings that are finite, not zero and different.

    Args:
        encoder: that takes token ids and mask alone.
        rows: of its embedding table.
        name: of the encoder, for the message.

    Raises:
        StudentError: saying which of these they are not.
    """
    ids = torch.linspace(0, rows - 1, _TEXTS * _TOKENS).long().reshape(_TOKENS, _TEXTS).T
    embeddings = embed_tokens(encoder, ids, torch.ones_like(ids)).cpu().numpy()
    if not np.isfinite(embeddings).all():
        broken = "embeddings that are not finite"
    elif not (lengths := np.linalg.norm(embeddings, axis=1, keepdims=True)).all():
        broken = "embeddings that are all zero"
    elif np.ptp(embeddings / lengths, axis=0).max() < _LEAST:
        broken = "every text the same embedding"
    else:
        return
    raise StudentError(
        f"{name} gives {broken}: its weights are broken or were not loaded. Save it again, and try "
        "SentenceTransformer(...).encode on two texts."
    )
