"""Gates on the scorer's graph: torch's relevance scores, and never a NaN."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.gates import Gate, gate
from pintower.models.onnx_session import GraphScorer
from pintower.models.scoring_head import LEVELS
from pintower.models.student import Student
from pintower.targets import Limits
from pintower.text.forward_index import build_forward_index
from pintower.text.match_features import match_features

__all__ = ["invalid_row_faults", "scorer_gates"]


def scorer_gates(
    student: Student,
    scorer: GraphScorer,
    queries: Sequence[str],
    pins: pl.DataFrame,
    embeddings: tuple[NDArray[np.float32], NDArray[np.float32]],
    limits: Limits,
) -> list[Gate]:
    """Measure the scorer's graph: every query against all the pins, with real match features.

    Args:
        student: the torch side.
        scorer: the graph.
        queries: Q texts.
        pins: N rows of the pins table.
        embeddings: the queries', FP32 [Q, D], and the pins', FP32 [N, D].
        limits: of the target.
    """
    query_embeddings, pin_embeddings = embeddings
    index = build_forward_index(pins.iter_rows(named=True))
    rows = np.arange(len(pins))
    levels = np.arange(1, LEVELS + 1, dtype=np.float32)
    score_errors, probability_errors, faults = [], [], []
    for query, embedding in zip(queries, query_embeddings, strict=True):
        matches = match_features(query, index, rows, student.statistics)
        asked = np.repeat(embedding[None], len(pins), axis=0)
        expected = student.score(asked, pin_embeddings, matches)
        scores = scorer.score(embedding[None], pin_embeddings, matches)
        score_errors.append(np.abs(scores.score - expected @ levels).max())
        probability_errors.append(np.abs(scores.probabilities - expected).max())
        if not scores.valid.all():
            faults.append(f"{(~scores.valid).sum()} finite pins were called invalid")
    faults += invalid_row_faults(scorer, query_embeddings[:1], pin_embeddings, matches)
    detail = {
        "pairs": len(queries) * len(pins),
        "mean_abs": float(np.mean(score_errors)),
        "probabilities_max_abs": float(np.max(probability_errors)),
    }
    return [
        gate("scorer.max_abs", np.max(score_errors), limits.scorer_max_abs, detail=detail),
        gate("scorer.invalid_rows", len(faults), 0, unit="faults", detail={"faults": faults}),
    ]


def invalid_row_faults(
    scorer: GraphScorer,
    query: NDArray[np.float32],
    pins: NDArray[np.float32],
    matches: NDArray[np.float32],
) -> list[str]:
    """Return what the scorer does wrong with values that are not finite, and with no pins.

    Args:
        scorer: the graph.
        query: FP32 [1, D].
        pins: FP32 [N, D], all finite.
        matches: FP32 [N, F], all finite.
    """
    faults = []
    clean = scorer.score(query, pins, matches)
    for value in (np.nan, np.inf, -np.inf):
        for poisoned in ("pin embedding", "match features"):
            parts = {"pin embedding": pins.copy(), "match features": matches.copy()}
            parts[poisoned][::3, -1] = value
            scores = scorer.score(query, parts["pin embedding"], parts["match features"])
            bad = np.zeros(len(pins), dtype=bool)
            bad[::3] = True
            if (scores.valid == bad).any():
                faults.append(f"VALID is wrong beside {value} in the {poisoned}")
            if scores.score[bad].any() or scores.probabilities[bad].any():
                faults.append(f"a score is not 0 at {value} in the {poisoned}")
            if not np.array_equal(scores.score[~bad], clean.score[~bad]):
                faults.append(f"{value} in the {poisoned} moved another pin's score")
    huge = scorer.score(query, np.full_like(pins, 3e38), matches)
    if not (np.isfinite(huge.score).all() and np.isfinite(huge.probabilities).all()):
        faults.append("an overflow leaked into SCORE or PROBABILITIES")
    lost = scorer.score(np.full_like(query, np.nan), pins, matches)
    if lost.valid.any() or lost.score.any() or lost.probabilities.any():
        faults.append("a query embedding of NaN gave valid scores")
    none = scorer.score(query, pins[:0], matches[:0])
    shapes = (none.probabilities.shape, none.score.shape, none.valid.shape)
    if shapes != ((0, LEVELS), (0,), (0,)):
        faults.append(f"no pins gave outputs of shape {shapes}")
    return faults
