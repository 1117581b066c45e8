"""Odd texts, and texts in the batches that an encoder's graph takes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from pintower.models.pin_inputs import length_batches
from pintower.models.tokenization import token_batch

__all__ = ["EDGE_TEXTS", "token_batches"]

EDGE_TEXTS = (
    "",
    "a",
    "   \t ",
    "garden " * 400,
    "x" * 600,
    "\U0001f389\U0001f469\u200d\U0001f373 party \U0001f3f3\ufe0f\u200d\U0001f308",
    "\u0623\u062d\u0630\u064a\u0629 \u062d\u0645\u0631\u0627\u0621",
    "\u7ea2\u8272\u7684\u978b\u5b50",
    "e\u0301\u0302 cafe\u0301 Z\u0351\u036b\u0343\u036a\u0302a\u0364lgo",
    "\x00\x07 \ufffd \ue000",
    "'; -- <b>\\n%00",
)
"""Empty, one character, blanks, over-long words and over-long text, emoji, Arabic, Chinese,
combining marks, control and private characters, punctuation."""

_BATCH_TOKENS = 512


def token_batches(
    tokenizer: Tokenizer, texts: Sequence[str], vectors: NDArray[np.float32] | None = None
) -> list[tuple[NDArray[Any], ...]]:
    """Return what an encoder takes of texts, those of similar length together.

    Args:
        tokenizer: the encoder's.
        texts: N, as rendered.
        vectors: feature vectors FP32 [N, Q], if it takes any.

    Returns:
        Token ids and mask INT64 [B, L] and, if there are any, feature vectors FP32 [B, Q].
    """
    lengths = [len(encoding) for encoding in tokenizer.encode_batch_fast(list(texts))]
    return [
        (
            *token_batch(tokenizer, [texts[row] for row in rows]),
            *(() if vectors is None else (vectors[rows],)),
        )
        for rows in length_batches(lengths, _BATCH_TOKENS)
    ]
