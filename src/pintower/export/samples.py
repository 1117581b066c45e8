"""The texts on which graph and torch are compared: real ones of every length, and odd ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from tokenizers import Tokenizer

from pintower.data.tables import PINS, QUERY_LOG
from pintower.errors import DatasetError
from pintower.models.pin_inputs import length_batches
from pintower.models.tokenization import token_batch

__all__ = [
    "EDGE_TEXTS",
    "sample_pins",
    "sample_queries",
    "spread_over_lengths",
    "token_batches",
]

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

_POOL = 20
"""Rows looked at for each text wanted, so that rare lengths are found."""


def sample_queries(data: Path, count: int, seed: int) -> list[str]:
    """Return distinct logged queries, more than wanted; pins' titles where there is no log."""
    queries = _table(data, QUERY_LOG).select(pl.col("query").unique().sort()).collect()["query"]
    if queries.is_empty():
        return sample_pins(data, count, seed)["title"].unique(maintain_order=True).to_list()
    drawn = np.random.default_rng(seed).permutation(len(queries))[: count * _POOL]
    values: list[str] = queries.gather(drawn).to_list()
    return values


def sample_pins(data: Path, count: int, seed: int) -> pl.DataFrame:
    """Return rows of the pins table, more than wanted, without reading all of it.

    Raises:
        DatasetError: if there is no pin.
    """
    pins = _table(data, PINS)
    total = int(pins.select(pl.len()).collect().item())
    if not total:
        raise DatasetError(f"{data} holds no pins, so the graphs cannot be compared on any.")
    drawn = np.random.default_rng(seed).permutation(total)[: count * _POOL]
    wanted = pl.DataFrame({"row": np.sort(drawn)}, schema={"row": pl.UInt32}).lazy()
    rows = pins.with_row_index("row").join(wanted, on="row", how="semi")
    return rows.collect().drop("row")


def spread_over_lengths(lengths: Sequence[int], count: int, seed: int) -> NDArray[np.int64]:
    """Return up to ``count`` positions that cover the lengths evenly: first one of each length.

    Args:
        lengths: tokens of each text.
        count: positions wanted.
        seed: decides among texts of one length.
    """
    drawn = np.random.default_rng(seed).permutation(len(lengths))
    values = np.asarray(lengths, dtype=np.int64)[drawn]
    order = np.argsort(values, kind="stable")
    sorted_values = values[order]
    rank = np.arange(len(order)) - np.searchsorted(sorted_values, sorted_values)
    chosen: NDArray[np.int64] = drawn[order[np.argsort(rank, kind="stable")]][:count]
    return chosen


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


def _table(data: Path, name: str) -> pl.LazyFrame:
    path = data / f"{name}.parquet"
    if not path.is_file():
        raise DatasetError(f"{path} does not exist; run the data stage first.")
    return pl.scan_parquet(path)
