"""What of a dataset's texts an encoder's tokenizer does not know: it cannot tell those apart."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from pintower.models.tokenization import TokenRows, unknown_id

__all__ = ["unknown_tokens", "warn_of_unknown"]

logger = logging.getLogger(__name__)

_MUCH = 0.03
"""Share of unknown tokens beyond which a warning is given."""
_FEWEST = 50
"""Tokens of a language, at least, for a share of them to mean anything."""


def unknown_tokens(
    tokenizer: Tokenizer,
    rows: TokenRows,
    prefix: str,
    languages: Sequence[str | None] | None = None,
) -> dict[str, Any]:
    """Return which share of the tokens of N texts stands for text that the tokenizer lacks.

    Special tokens around a text and its prefix are not counted.

    Args:
        tokenizer: that gave the tokens.
        rows: of the texts, whole.
        prefix: before every text.
        languages: of the N texts, where they are stated; None where they have none.

    Returns:
        ``share`` of all tokens; ``languages``, for each language with at least 50 tokens, the
        share of its own.
    """
    number = unknown_id(tokenizer)
    ends = np.cumsum(np.concatenate([[0], rows.ids == number]))
    unknown = ends[rows.starts + rows.lengths] - ends[rows.starts]
    around = tokenizer.encode(prefix)
    unknown = np.maximum(unknown - around.ids.count(number), 0)
    tokens = np.maximum(rows.lengths - len(around.ids), unknown)
    named = np.array([language or "" for language in languages or [""] * len(tokens)], dtype=object)
    shares = {}
    for language in sorted(set(named.tolist()) - {""}):
        own = named == language
        if tokens[own].sum() >= _FEWEST:
            shares[language] = float(unknown[own].sum() / tokens[own].sum())
    return {"share": float(unknown.sum() / max(1, tokens.sum())), "languages": shares}


def warn_of_unknown(measured: Mapping[str, Mapping[str, Any]]) -> None:
    """Say which texts the tokenizer does not know, where that is more than three in a hundred.

    Args:
        measured: what :func:`unknown_tokens` gave, by kind of text.
    """
    for kind, found in measured.items():
        shares = found["languages"]
        parts = [(f"{kind} in {name}", share) for name, share in shares.items() if share > _MUCH]
        if not parts and found["share"] > _MUCH:
            parts = [(kind, found["share"])]
        for texts, share in parts:
            logger.warning(
                "%.0f %% of the tokens of the dataset's %s are unknown to this tokenizer: "
                "it cannot tell those texts apart; take a multilingual encoder, or one of their "
                "language",
                100 * share, texts,
            )  # fmt: skip
