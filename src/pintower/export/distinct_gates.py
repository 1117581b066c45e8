"""The gate that real texts differ for an encoder: with one embedding for all it ranks nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pintower.gates import Gate, gate

__all__ = ["distinct_gate"]

_ALLOWED = 0.5
_DIGITS = 4
_FEWEST = 3
"""Texts, at least, from which it can be told."""
_SHOWN = 60


def distinct_gate(name: str, texts: Sequence[str], embeddings: NDArray[np.float32]) -> Gate:
    """Measure the share of distinct texts that have an embedding which another has, too.

    Of N texts with E different embeddings it is (N - E) / (N - 1): 1 where all have one. Texts that
    differ in accents, or in nothing but words that the tokenizer does not know, may well share
    theirs. A prompt that leaves a text one token, or a script that is foreign to the tokenizer,
    shows here.

    Args:
        name: of the encoder.
        texts: as they are rendered.
        embeddings: theirs, of length one, FP32 [N, D].
    """
    rows = list({text: row for row, text in enumerate(texts)}.values())
    _, group, sizes = np.unique(
        np.round(embeddings[rows], _DIGITS), axis=0, return_inverse=True, return_counts=True
    )
    enough = len(rows) >= _FEWEST
    share = (len(rows) - len(sizes)) / (len(rows) - 1) if enough else 0.0
    detail: dict[str, Any] = {"texts": len(rows), "embeddings": len(sizes)}
    if len(sizes) < len(rows):
        members = np.flatnonzero(group.reshape(-1) == int(np.argmax(sizes)))
        alike = [texts[rows[member]][:_SHOWN] for member in members[:3]]
        detail |= {"alike": int(sizes.max()), "such as": alike}
    return gate(f"{name}.alike", share, _ALLOWED if enough else None, detail=detail)
