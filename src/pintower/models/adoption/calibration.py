"""Levels for a cosine where nobody judged anything: read off the catalogue's own texts.

What a cosine means differs from encoder to encoder (unrelated texts are at 0.1 with one, at 0.75
with another). So pins drawn at random are each given a query of their own: their best engaged
query, or, without any, the first three words of their text. A pin's own query against its own text
stands for level 5; the same query against another pin, drawn at random, for level 1; the levels
between lie evenly on the way from the one similarity to the other. To these the calibrated cosine
is fitted, with a little doubt, so that no similarity is beyond it.

The ranking is the cosine's own. The levels are an approximation: they say where a similarity lies
between an unrelated and a fitting pair of this catalogue, and no person was asked.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from pintower.errors import DatasetError
from pintower.models.adoption.evidence import similarities
from pintower.models.adoption.heads import fit_cosine, soft_targets
from pintower.models.scoring_head import LEVELS, ScoringHead
from pintower.models.student import Student
from pintower.models.widths import narrowed
from pintower.text.rendering import Rendering, render_pin
from pintower.text.words import words

__all__ = ["calibrate", "draw_pins", "fit_to_texts", "own_query"]

_PINS = 400
_WORDS = 3
_DOUBT = 0.05


def draw_pins(pins: pl.DataFrame, rendering: Rendering, seed: int) -> pl.DataFrame:
    """Return up to 400 pins that have text, drawn at random.

    Raises:
        DatasetError: if fewer than two pins have any.
    """
    order = np.random.default_rng(seed).permutation(len(pins))
    bare = Rendering(pin_sources=rendering.pin_sources)
    drawn: list[int] = []
    for row in order.tolist():
        if render_pin(pins.row(row, named=True), bare):
            drawn.append(row)
        if len(drawn) == _PINS:
            break
    if len(drawn) < 2:
        raise DatasetError(
            f"{len(drawn)} of {len(pins)} pins have text in {', '.join(rendering.pin_sources)}; "
            "two at least are needed to tell a fitting pair from an unrelated one."
        )
    return pins[drawn]


def own_query(pin: Mapping[str, Any], rendering: Rendering) -> str:
    """Return the query that stands in for those a pin with text answers."""
    engaged = pin.get("engaged_queries") or []
    bare = Rendering(pin_sources=rendering.pin_sources)
    query = " ".join((engaged[0] if engaged else "").split())
    return query or "".join(words(render_pin(pin, bare))[:_WORDS]).strip()


def calibrate(queries: NDArray[np.float32], pins: NDArray[np.float32]) -> ScoringHead:
    """Return the calibrated cosine of N pins and their own queries.

    Args:
        queries: embeddings of the pins' own queries, FP32 [N, D].
        pins: the pins' embeddings FP32 [N, D], in random order, N at least 2.
    """
    fitting = similarities(queries, pins)
    unrelated = similarities(queries, np.roll(pins, 1, axis=0))
    way = np.arange(LEVELS)[:, None] / (LEVELS - 1)
    similarity = (unrelated + way * (fitting - unrelated)).ravel()
    levels = np.repeat(np.arange(1, LEVELS + 1), len(pins))
    return fit_cosine(similarity, soft_targets(levels, _DOUBT), queries.shape[1])


def fit_to_texts(
    student: Student, pins: pl.DataFrame, seed: int, widths: Sequence[int] = ()
) -> tuple[list[ScoringHead], dict[str, Any]]:
    """Return the calibrated cosine of a student's towers, and what it was made of, as JSON.

    Args:
        student: its towers embed.
        pins: the catalogue.
        seed: for the pins that are drawn.
        widths: narrower ones, which get a head each behind the full one's.

    Raises:
        DatasetError: if fewer than two pins have text.
    """
    drawn = draw_pins(pins, student.rendering, seed)
    queries = [own_query(pin, student.rendering) for pin in drawn.iter_rows(named=True)]
    embeddings = student.embed_queries(queries), student.embed_pins(drawn)
    heads = [
        calibrate(*(narrowed(torch.from_numpy(part), width).numpy() for part in embeddings))
        for width in (embeddings[0].shape[1], *widths)
    ]
    told = {"calibrated_on": "texts", "pairs": 0, "queries": 0, "pins": len(drawn)}
    return heads, {**told, "head": "cosine"}
