"""Text to token ids, the same way in training, export and serving."""

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from pintower.artifacts import read_json
from pintower.errors import StudentError

__all__ = [
    "TokenRows",
    "load_tokenizer",
    "open_tokenizer",
    "pad_tokens",
    "token_batch",
    "unknown_id",
]

_TOKENIZED = 512
"""Texts that a thread tokenizes at once."""


def load_tokenizer(folder: Path, max_tokens: int) -> Tokenizer:
    """Return an encoder folder's tokenizer; see :func:`open_tokenizer`.

    A table of token embeddings has no rows for the special tokens around a text: for one, the
    tokenizer adds none.

    Raises:
        StudentError: if the folder has no ``tokenizer.json``.
    """
    first = _first_module(folder)
    path = folder / str(first.get("path", "")) / "tokenizer.json"
    if path.is_file():
        tokenizer = open_tokenizer(path, max_tokens)
        if str(first.get("type")).endswith(".StaticEmbedding"):
            tokenizer.post_processor = None
        return tokenizer
    raise StudentError(
        f"{folder} has no tokenizer.json: only fast tokenizers can be served. Save it with a "
        "PreTrainedTokenizerFast."
    )


def _first_module(folder: Path) -> Mapping[str, Any]:
    path = folder / "modules.json"
    modules = read_json(path) if path.is_file() else []
    return modules[0] if modules else {}


def open_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    """Return a tokenizer that cuts at ``max_tokens`` and never pads.

    It cuts on the side that the encoder's own settings beside it state, else that its file states.
    A special token's name in a text ("[SEP]") is text, which no user can write as the token; but a
    vocabulary of kind Unigram (sentencepiece) may have the name ("</s>") for a piece.
    """
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens, direction=_cut_side(path, tokenizer))
    tokenizer.encode_special_tokens = True
    return tokenizer


def _cut_side(path: Path, tokenizer: Tokenizer) -> str:
    settings = path.with_name("tokenizer_config.json")
    if settings.is_file():
        return str(read_json(settings).get("truncation_side", "right"))
    return str((tokenizer.truncation or {}).get("direction", "right"))


def token_batch(
    tokenizer: Tokenizer, texts: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return token ids and mask of B texts, as :func:`pad_tokens` does."""
    return pad_tokens(tokenizer.encode_batch_fast(list(texts)))


def pad_tokens(
    encodings: Sequence[Encoding], places: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return token ids and mask, INT64 [B, L] each, padded with 0.

    L is that of the longest text, or ``places`` where that is more. It is at least 1: a text
    without a token (an empty one, where the tokenizer adds no special tokens) is one masked place.
    """
    lengths = [len(encoding) for encoding in encodings]
    ids = np.zeros((len(lengths), max(places, max(lengths, default=0))), dtype=np.int64)
    for row, encoding in zip(ids, encodings, strict=True):
        row[: len(encoding)] = encoding.ids
    mask = np.arange(ids.shape[1]) < np.array(lengths, dtype=np.int64)[:, None]
    return ids, mask.astype(np.int64)


def unknown_id(tokenizer: Tokenizer) -> int:
    """Return the id of the unknown token; -1 where every text has tokens of its own."""
    model = json.loads(tokenizer.to_str())["model"]
    if model.get("unk_id") is not None:
        return int(model["unk_id"])
    number = tokenizer.token_to_id(model.get("unk_token") or "")
    return -1 if number is None else int(number)


@dataclass(frozen=True)
class TokenRows:
    """Token ids of N texts, kept end to end: a fraction of what a tokenizer's encodings take.

    Attributes:
        ids: INT32, of all texts.
        starts: INT64 [N], where each text's begin.
        lengths: INT64 [N], tokens of each text.
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, tokenizer: Tokenizer, texts: Sequence[str]) -> "TokenRows":
        """Tokenize texts, on as many threads as there are cores."""

        def tokenized(start: int) -> list[NDArray[np.int32]]:
            encodings = tokenizer.encode_batch_fast(list(texts[start : start + _TOKENIZED]))
            return [np.array(encoding.ids, dtype=np.int32) for encoding in encodings]

        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            parts = pool.map(tokenized, range(0, len(texts), _TOKENIZED))
            rows = list(chain.from_iterable(parts))
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        ids = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int32)
        return cls(ids, np.cumsum(lengths) - lengths, lengths)

    def batch(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return token ids and mask of some texts, padded as :func:`pad_tokens` does."""
        lengths = self.lengths[rows, None]
        places = np.arange(max(1, lengths.max(initial=0)))
        mask = places < lengths
        ids = np.zeros(mask.shape, dtype=np.int64)
        ids[mask] = self.ids[(self.starts[rows, None] + places)[mask]]
        return ids, mask.astype(np.int64)
