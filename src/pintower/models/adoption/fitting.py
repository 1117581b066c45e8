"""A scoring head for towers as they are, and the judged pairs that it is fitted to."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.data.candidates import CandidateIndex
from pintower.data.tables import PINS, read_table
from pintower.models.adoption.evidence import Evidence
from pintower.models.adoption.selection import choose_head
from pintower.models.pairs import Pairs, bm25_scores, number_pairs, pair_match_features
from pintower.models.scoring_head import ScoringHead
from pintower.models.student import Student

__all__ = ["evidence_of", "fit_to_judgments"]


def fit_to_judgments(
    student: Student, judgments: pl.DataFrame, data: Path, *, seed: int, hidden: tuple[int, ...]
) -> tuple[ScoringHead, dict[str, Any]]:
    """Return the scoring head that judgments can carry, and how it was chosen, as JSON.

    Args:
        student: its towers embed; its own head plays no part.
        judgments: ``query``, ``pin_id`` and ``level``, of five queries at least.
        data: the data stage's folder.
        seed: for folds, initialization, order and intervals.
        hidden: widths of the richest head's hidden layers.
    """
    pins = read_table(data, PINS)
    pairs = number_pairs(judgments["query"].to_list(), judgments["pin_id"].to_list(), pins)
    evidence = evidence_of(student, pairs, judgments["level"], data)
    bm25 = bm25_scores(CandidateIndex.build(pins), pairs)
    baselines: dict[str, NDArray[Any]] = {"cosine": evidence.similarity, "bm25": bm25}
    choice = choose_head(evidence, baselines, seed=seed, hidden=hidden)
    told = {
        "calibrated_on": "judgments",
        "pairs": len(pairs.query),
        "queries": len(pairs.queries),
        "pins": len(pairs.pins),
        "head": choice.name,
        "cross_validation": choice.measured,
    }
    return choice.head, told


def evidence_of(student: Student, pairs: Pairs, levels: pl.Series, data: Path) -> Evidence:
    """Return judged pairs as a student's towers see them.

    Args:
        student: its towers embed.
        pairs: N of them.
        levels: N.
        data: the data stage's folder, which has the queries' feature vectors if there are any.
    """
    return Evidence(
        texts=pairs.queries,
        queries=student.embed_queries(pairs.queries, student.query_vectors(data)),
        pins=student.embed_pins(pairs.pins),
        query=pairs.query,
        pin=pairs.pin,
        matches=pair_match_features(pairs, student.statistics),
        levels=levels.to_numpy().astype(np.int64),
    )
