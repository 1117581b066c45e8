"""How many texts of a dataset an encoder's limits cut, and how much of them is lost or unknown."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.models.adoption.unknown import unknown_tokens
from pintower.models.pin_inputs import pin_texts
from pintower.models.student import Student
from pintower.models.tokenization import TokenRows, load_tokenizer
from pintower.text.rendering import render_query

__all__ = ["measure_cuts"]

_MOST = 20_000
"""Texts looked at, drawn at random where there are more."""
_ALL = 1 << 24
"""Characters, or tokens, that no text has."""


def measure_cuts(
    student: Student, pins: pl.DataFrame, queries: Sequence[str], seed: int
) -> dict[str, dict[str, Any]]:
    """Compare the texts of a dataset with what a student's encoders read of them.

    A pin loses text to the characters of a source and to the tokens of the whole; items of a list
    beyond the first ones are left out by the rendering, and not counted.

    Args:
        student: its tokenizers and rendering.
        pins: the pins table.
        queries: as they were logged.
        seed: for the draw.

    Returns:
        For ``pins`` and ``queries``: how many there are (``texts``), ``looked_at`` and ``cut``; the
        share of their tokens that those that are cut lose (``lost_of_cut``), and that all lose
        (``lost``); the tokens of the longest whole text (``longest``) and of the longest that the
        encoder reads (``longest_read``), prefix and special tokens included; and what the tokenizer
        does not know of the whole texts (``unknown``), see :func:`unknown_tokens`.
    """
    rules = student.rendering
    endless = replace(
        rules,
        source_max_chars=_ALL,
        query_max_chars=_ALL,
        query_max_tokens=_ALL,
        pin_max_tokens=_ALL,
    )
    drawn = _draw(len(pins), seed)
    distinct = list(dict.fromkeys(queries))
    asked = [distinct[row] for row in _draw(len(distinct), seed)]
    spoken = pins[drawn]["language"].to_list() if "language" in pins.columns else None
    texts = {
        "pin": [pin_texts(pins[drawn], side) for side in (endless, rules)],
        "query": [[render_query(query, side) for query in asked] for side in (endless, rules)],
    }
    return {
        "pins": _compare(student, "pin", texts["pin"], spoken) | {"texts": len(pins)},
        "queries": _compare(student, "query", texts["query"], None) | {"texts": len(distinct)},
    }


def _draw(count: int, seed: int) -> NDArray[np.int64]:
    if count <= _MOST:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, _MOST, replace=False))


def _compare(
    student: Student,
    side: str,
    texts: Sequence[Sequence[str]],
    languages: Sequence[str | None] | None,
) -> dict[str, Any]:
    """Compare texts as they are whole and as they are rendered, of queries or of pins."""
    folder = getattr(student.layout, f"{side}_encoder")
    prefix, tokens = student.rendering.of(side)
    endless = load_tokenizer(folder, _ALL)
    whole_rows = TokenRows.of(endless, texts[0])
    whole, read = whole_rows.lengths, TokenRows.of(load_tokenizer(folder, tokens), texts[1]).lengths
    lost = np.maximum(whole - read, 0)
    cut = lost > 0
    return {
        "looked_at": len(whole),
        "cut": int(cut.sum()),
        "lost_of_cut": float(lost.sum() / max(1, whole[cut].sum())),
        "lost": float(lost.sum() / max(1, whole.sum())),
        "longest": int(whole.max(initial=0)),
        "longest_read": int(read.max(initial=0)),
        "unknown": unknown_tokens(endless, whole_rows, prefix, languages),
    }
