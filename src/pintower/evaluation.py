"""Measure student, teacher and two baselines on the judgments of held-out queries."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.artifacts import read_json, write_json
from pintower.config import EvaluationConfig
from pintower.data.candidates import CandidateIndex
from pintower.data.splits import normal_forms
from pintower.data.tables import JUDGMENTS, PINS, QUERY_LOG, read_table
from pintower.metrics.bootstrap import Resampling
from pintower.metrics.classification import predicted_levels
from pintower.metrics.comparison import compare, differences, measures_for, slices
from pintower.models.cross_encoder import CrossEncoder
from pintower.models.pairs import Pairs, bm25_scores, number_pairs, pair_match_features
from pintower.models.pin_inputs import pin_texts
from pintower.models.scoring_head import LEVELS
from pintower.models.student import Student, load_student
from pintower.models.untuned import untuned_embeddings
from pintower.text.rendering import Rendering, render_query
from pintower.text.words import words

__all__ = ["run"]

logger = logging.getLogger(__name__)

_MODELS = ("teacher", "student", "bm25", "cosine")
_COMPARED = (("student", "bm25"), ("student", "cosine"), ("teacher", "student"))
_TRAINING = "training.json"
_BATCH = 128
_Embeddings = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Of a set of pairs: the distinct queries' FP32 [Q, D] and the distinct pins' FP32 [P, D]."""

_HEAD = 0.5
"""Share of the logged requests that the head queries, the most frequent ones, make up."""


def run(config: EvaluationConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Score the test judgments; write ``predictions.parquet`` and ``metrics.json``.

    Args:
        config: the recipe's section.
        inputs: ``data``, ``student`` and, where the run has one, ``teacher``.
        folder: to write into.

    Returns:
        Queries, pairs, and the student's and BM25's nDCG@20; without test judgments only zeros.

    Raises:
        StudentError: if teacher or student cannot be loaded.
    """
    pins = read_table(inputs["data"], PINS)
    judged = read_table(inputs["data"], JUDGMENTS)
    measures = measures_for(judged["level"])
    judgments = judged.filter(pl.col("split") == "test")
    resampling = Resampling(config.bootstrap, config.confidence, config.seed)
    predictions = _predict(judgments, pins, inputs)
    predictions.write_parquet(folder / "predictions.parquet")
    models = [name for name in _MODELS if name in predictions.columns]
    compared = [pair for pair in _COMPARED if set(pair) <= set(models)]
    metrics = compare(predictions, models, measures, resampling)
    metrics["confidence"] = config.confidence
    if predictions.is_empty():
        logger.warning("no test judgments: nothing was measured")
        metrics["reason"] = "the test split is empty"
        write_json(folder / "metrics.json", metrics)
        return {"queries": 0, "pairs": 0}
    metrics["differences"] = differences(predictions, compared, resampling)
    by = _slices(judgments, read_table(inputs["data"], QUERY_LOG))
    metrics["slices"] = slices(predictions, by, models, measures, resampling)
    write_json(folder / "metrics.json", metrics)
    _warn_if_behind(metrics)
    ndcg = {f"{name}_ndcg": metrics["models"][name]["ndcg@20"]["value"] for name in models}
    return {"queries": metrics["queries"], "pairs": metrics["pairs"], **ndcg}


def _warn_if_behind(metrics: Mapping[str, Any]) -> None:
    """Say so where the student ranks worse than a baseline that needs no training."""
    for row in metrics["differences"]:
        if row["model"] == "student" and row["value"] < 0:
            logger.warning(
                "the student is behind %s by %.3f nDCG@20 (%.3f to %.3f) on %d held-out queries: "
                "too few judgments or labels, or too little training",
                row["baseline"], -row["value"], -row["high"], -row["low"], metrics["queries"],
            )  # fmt: skip


def _predict(
    judgments: pl.DataFrame, pins: pl.DataFrame, inputs: Mapping[str, Path]
) -> pl.DataFrame:
    """Return the judgments with a column of scores for each model."""
    table = judgments.select("query", "pin_id", "level", "language")
    if table.is_empty():
        return table
    queries, pin_ids = table["query"].to_list(), table["pin_id"].to_list()
    pairs = number_pairs(queries, pin_ids, pins)
    student = load_student(inputs["student"])
    vectors = student.query_vectors(inputs["data"])
    embeddings = student.embed_queries(pairs.queries, vectors), student.embed_pins(pairs.pins)
    asked = {"student": _ask_student(student, pairs, embeddings)}
    if "teacher" in inputs:
        asked["teacher"] = _ask_teacher(CrossEncoder.load(inputs["teacher"]), pairs)
    columns: dict[str, NDArray[Any]] = {}
    for name, probabilities in asked.items():
        columns[name] = probabilities @ np.arange(1, LEVELS + 1, dtype=np.float32)
        columns[f"{name}_level"] = predicted_levels(probabilities)
    columns["bm25"] = bm25_scores(CandidateIndex.build(pins), pairs)
    if (inputs["student"] / _TRAINING).is_file():
        training = read_json(inputs["student"] / _TRAINING)
        if training.get("method") != "encoder":  # whose towers are the untuned encoder
            embeddings = _untuned(training, student.rendering, pairs)
        columns["cosine"] = _cosine(*embeddings, pairs)
    return table.with_columns(pl.Series(name, values) for name, values in columns.items())


def _ask_teacher(teacher: CrossEncoder, pairs: Pairs) -> NDArray[np.float32]:
    texts = pin_texts(pairs.pins, teacher.rendering)
    queries = [pairs.queries[query] for query in pairs.query]
    return teacher.probabilities(queries, [texts[pin] for pin in pairs.pin], _BATCH)


def _ask_student(student: Student, pairs: Pairs, embeddings: _Embeddings) -> NDArray[np.float32]:
    queries, pins = embeddings
    matches = pair_match_features(pairs, student.statistics)
    return student.score(queries[pairs.query], pins[pairs.pin], matches)


def _untuned(training: Mapping[str, Any], rules: Rendering, pairs: Pairs) -> _Embeddings:
    backbone, pooling = training["query_encoder"], training.get("pooling")
    queries = [render_query(query, rules) for query in pairs.queries]
    texts = pin_texts(pairs.pins, rules)
    return (
        untuned_embeddings(backbone, queries, rules.query_max_tokens, pooling),
        untuned_embeddings(backbone, texts, rules.pin_max_tokens, pooling),
    )


def _cosine(
    queries: NDArray[np.float32], pins: NDArray[np.float32], pairs: Pairs
) -> NDArray[np.float32]:
    cosines: NDArray[np.float32] = np.einsum(
        "nd,nd->n", queries[pairs.query], pins[pairs.pin], dtype=np.float32
    )
    return cosines


def _slices(judgments: pl.DataFrame, query_log: pl.DataFrame) -> dict[str, NDArray[np.str_]]:
    """Return the slices each judgment is in: language, query length, head or tail of the log.

    Where no judgment names a language there is none to slice by, and a log in which no query comes
    twice has neither head nor tail.
    """
    queries = judgments["query"].to_list()
    by = {"query_length": np.array([_length(query) for query in queries])}
    if judgments["language"].is_not_null().any():
        by["language"] = np.array(judgments["language"].fill_null("unknown").to_list())
    forms = normal_forms([*query_log["query"].unique(), *queries])
    logged = query_log["query"].replace_strict(forms).value_counts().sort("count", "query")
    if (logged["count"] > 1).any():
        before = logged["count"][::-1].cum_sum() - logged["count"][::-1]
        head = set(logged["query"][::-1].filter(before < _HEAD * len(query_log)))
        by["frequency"] = np.array(
            ["head" if forms[query] in head else "tail" for query in queries]
        )
    return by


def _length(query: str) -> str:
    count = len(words(query))
    return "1" if count <= 1 else "2-3" if count <= 3 else "4+"
