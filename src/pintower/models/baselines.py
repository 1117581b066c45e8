"""What a trained model has to beat: BM25, an untuned encoder's cosine, and both in a mixture.

None of them trains an encoder. The mixture is the hardest of them in most cases: the ordinal model
of the levels (:func:`pintower.models.adoption.heads.fit_ordinal`) over cosine, BM25 and the match
features, fitted to training judgments.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.data.candidates import CandidateIndex
from pintower.models.adoption.evidence import similarities
from pintower.models.adoption.heads import DOUBT, fit_ordinal, soft_targets
from pintower.models.adoption.signals import Signals
from pintower.models.judged import draw_by_query, why_too_few
from pintower.models.level_columns import level_columns
from pintower.models.pairs import Pairs, bm25_scores, number_pairs, pair_match_features
from pintower.models.pin_inputs import pin_texts
from pintower.models.untuned import untuned_embeddings
from pintower.text.match_features import MatchStatistics
from pintower.text.rendering import Rendering, render_query

__all__ = ["BASELINES", "Baselines", "Embed", "remembered", "score_baselines", "untuned_encoder"]

BASELINES = ("bm25", "cosine", "mixture")

Embed = Callable[[Pairs], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Pairs to unit embeddings of their distinct queries FP32 [Q, D] and pins FP32 [P, D]."""


@dataclass(frozen=True)
class Baselines:
    """Scores of N pairs.

    Attributes:
        columns: FLOAT [N] by name: ``bm25``, ``cosine``, and the ``mixture``'s as
            :func:`pintower.models.level_columns.level_columns` names them.
        absent: for each baseline that there is none of, why.
    """

    columns: dict[str, NDArray[Any]]
    absent: dict[str, str]


def untuned_encoder(backbone: str, rendering: Rendering, pooling: str | None = None) -> Embed:
    """Return the embedding of texts by a pretrained encoder as it is.

    Args:
        backbone: name or folder.
        rendering: of queries and pins.
        pooling: in the place of the encoder's own, see
            :func:`pintower.models.untuned.untuned_embeddings`.
    """

    def embed(pairs: Pairs) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        queries = [render_query(query, rendering) for query in pairs.queries]
        texts = pin_texts(pairs.pins, rendering)
        return (
            untuned_embeddings(backbone, queries, rendering.query_max_tokens, pooling),
            untuned_embeddings(backbone, texts, rendering.pin_max_tokens, pooling),
        )

    return embed


def remembered(embed: Embed, pairs: Pairs) -> Embed:
    """Return an embedding of pairs whose queries and pins are among others', embedded once."""
    queries, pins = embed(pairs)
    query_rows = {query: row for row, query in enumerate(pairs.queries)}
    pin_rows = {pin_id: row for row, pin_id in enumerate(pairs.pins["pin_id"])}
    return lambda asked: (
        queries[[query_rows[query] for query in asked.queries]],
        pins[[pin_rows[pin_id] for pin_id in asked.pins["pin_id"]]],
    )


def score_baselines(
    scored: pl.DataFrame,
    training: pl.DataFrame,
    pins: pl.DataFrame,
    embed: Embed | None,
    statistics: MatchStatistics,
    seed: int,
) -> Baselines:
    """Score pairs by every baseline that there can be.

    Args:
        scored: ``query`` and ``pin_id`` of N pairs; N at least 1.
        training: ``query``, ``pin_id`` and ``level`` of the training judgments.
        pins: the catalogue.
        embed: of the untuned encoder; None where it is not known, and then there is neither cosine
            nor mixture.
        statistics: of the match features.
        seed: for the draw of training queries where very many are judged.

    Raises:
        DatasetError: if a pair's pin is not in the catalogue.
        StudentError: if the encoder cannot be found or loaded.
    """
    index = CandidateIndex.build(pins)
    if embed is None:
        reason = "the student's folder does not name the encoder that it was made from"
        bm25 = bm25_scores(index, _numbered(scored, pins))
        return Baselines({"bm25": bm25}, dict.fromkeys(("cosine", "mixture"), reason))
    lacking = why_too_few(training)
    fitted = training.head(0) if lacking else draw_by_query(training, seed)
    both = pl.concat([table.select("query", "pin_id") for table in (scored, fitted)])
    pairs = _numbered(both, pins)
    queries, pin_vectors = embed(pairs)
    bm25 = bm25_scores(index, pairs)
    cosine = similarities(queries[pairs.query], pin_vectors[pairs.pin])
    own = len(scored)
    columns: dict[str, NDArray[Any]] = {
        "bm25": bm25[:own], "cosine": cosine[:own].astype(np.float32)
    }  # fmt: skip
    if lacking:
        return Baselines(columns, {"mixture": f"{lacking}: nothing to fit it to"})
    matches = pair_match_features(pairs, statistics)
    signals = np.column_stack([cosine, bm25, matches]).astype(np.float64)
    levels = fitted["level"].to_numpy().astype(np.int64)
    probabilities = _mixture(signals[own:], levels, signals[:own])
    return Baselines(columns | level_columns("mixture", probabilities), {})


def _numbered(table: pl.DataFrame, pins: pl.DataFrame) -> Pairs:
    return number_pairs(table["query"].to_list(), table["pin_id"].to_list(), pins)


def _mixture(
    training: NDArray[np.float64], levels: NDArray[np.int64], scored: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return level probabilities FP32 [N, 5] of signals [N, C], fitted to others [M, C]."""
    signals = Signals(training)
    return signals.predict(scored, fit_ordinal(signals, soft_targets(levels, DOUBT)))
