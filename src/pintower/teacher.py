"""Fine-tune a cross-encoder on human levels: the teacher that labels the search log.

It starts as an untuned encoder's cosine and the match features, fitted to the levels, and its
network adds to that. Queries held out from training say which of its weights are kept, and whether
it judges better than what needs no training; one that does not has nothing to teach.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from pintower.artifacts import write_json
from pintower.config import TeacherConfig
from pintower.data.candidates import CandidateIndex
from pintower.data.splits import normal_forms
from pintower.data.tables import JUDGMENTS, MATCH_STATISTICS, PINS, read_table
from pintower.errors import DatasetError
from pintower.metrics.bootstrap import Resampling, mean_difference
from pintower.metrics.classification import auroc, level_metrics
from pintower.metrics.ranking import ndcg, per_query
from pintower.models.cross_encoder import TeacherLayout, build_cross_encoder
from pintower.models.fine_tuning import HeldOut, Task, fine_tune
from pintower.models.judged import FEWEST_QUERIES, why_too_few
from pintower.models.pairs import Pairs, bm25_scores, number_pairs
from pintower.models.scoring_head import LEVELS
from pintower.models.teacher_start import TeacherStart, signals_of, start_rendering
from pintower.models.tuning.calibration import fit_temperature
from pintower.text.match_features import MatchStatistics

__all__ = ["run"]

logger = logging.getLogger(__name__)

_FEWEST_HELD_OUT = 15
"""Queries of a validation split; with fewer, some of the training queries are held out too."""
_SET_ASIDE = 5
"""One training query of so many."""


def run(config: TeacherConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Train the teacher; write a Hugging Face folder and ``metrics.json``.

    Args:
        config: the recipe's section.
        inputs: ``data``.
        folder: to write into.

    Returns:
        Training pairs, steps, the nDCG@20 on held-out queries and whether it may label.

    Raises:
        DatasetError: if there is no training judgment.
        StudentError: if the backbone cannot be used.
    """
    started = time.monotonic()
    pins = read_table(inputs["data"], PINS)
    judgments = read_table(inputs["data"], JUDGMENTS)
    if (judgments["split"] != "train").all():
        raise DatasetError(
            "The dataset's judgments are held out, none of them for training, and the teacher "
            "needs some. Add judgments or lower data.validation_share and data.test_share."
        )
    training, held_out = _split(judgments, config.seed)
    if config.pairs is not None and config.pairs < len(training):
        drawn = np.random.default_rng(config.seed).permutation(len(training))[: config.pairs]
        training = training[np.sort(drawn)]
    torch.manual_seed(config.seed)
    teacher = build_cross_encoder(
        config.encoder,
        layers=config.layers,
        max_length=config.max_length,
        bf16=config.bf16,
        dropout=config.dropout,
        pin_sources=config.pin_sources,
    )
    pairs = _numbered(pl.concat([training, held_out]), pins)
    levels = pl.concat([training, held_out])["level"].to_numpy().astype(np.int64)
    rows, held = np.split(np.arange(len(levels)), [len(training)])
    statistics = MatchStatistics.load(inputs["data"] / MATCH_STATISTICS)
    rules = start_rendering(config.similarity_encoder, config.pin_sources, config.max_length)
    signals = signals_of(pairs, config.similarity_encoder, rules, statistics)
    start = np.zeros((len(levels), LEVELS), dtype=np.float32)
    if not (lacking := why_too_few(training)):
        fitted = TeacherStart.fit(
            config.similarity_encoder, rules, statistics, signals[rows], levels[rows]
        )
        start = fitted.logits(signals)
        teacher = replace(teacher, start=fitted)
    else:
        logger.warning("%s: the teacher starts from nothing", lacking)
    task = Task.of(teacher, pairs, levels, start)
    tuned = fine_tune(teacher, task, rows, HeldOut.of(task, held), config)

    metrics: dict[str, Any] = {
        "pairs": len(training),
        "queries": training["query"].n_unique(),
        "steps": tuned.steps,
        "taken_at_step": tuned.best,
        "last_loss": tuned.last_loss,
        "checks": tuned.checks,
        "temperature": 1.0,
    }
    if len(held):
        temperature = fit_temperature(tuned.logits, levels[held])
        teacher = replace(teacher, temperature=temperature)
        metrics["temperature"] = temperature
        bm25 = bm25_scores(CandidateIndex.build(pins), pairs)[held]
        baselines = {"cosine": signals[held, 0], "bm25": bm25}
        if not lacking:
            baselines["mixture"] = _expected(torch.from_numpy(start[held]))
        metrics |= _compare(tuned.logits / temperature, levels[held], pairs.query[held], baselines)
    else:
        logger.warning("no judgments to hold out: the teacher's quality was not measured")
        reason = "no judgment could be held out"
        metrics |= {"validation": {"pairs": 0, "reason": reason}, "labels": True, "reason": reason}
    teacher.save(folder, backbone=config.encoder)
    metrics["seconds"] = round(time.monotonic() - started, 1)
    write_json(TeacherLayout(folder).metrics, metrics)
    if not metrics["labels"]:
        logger.warning("the teacher will not label: %s", metrics["reason"])
    return {
        "pairs": len(training),
        "steps": tuned.steps,
        "validation_ndcg": metrics["validation"].get("ndcg@20"),
        "labels": metrics["labels"],
    }


def _split(judgments: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return judgments to train on, and those of held-out queries.

    Where the validation split has few queries, a fifth of the training queries is held out too, if
    enough of them are left.
    """
    parts = {name: judgments.filter(pl.col("split") == name) for name in ("train", "validation")}
    training, held_out = parts["train"], parts["validation"]
    forms = normal_forms(judgments["query"].unique())
    few = len({forms[query] for query in held_out["query"].unique()}) < _FEWEST_HELD_OUT
    names = sorted({forms[query] for query in training["query"].unique()})
    count = len(names) // _SET_ASIDE
    if few and len(names) - count >= FEWEST_QUERIES:
        order = np.random.default_rng(seed).permutation(len(names))
        aside = {names[number] for number in order[:count].tolist()}
        there = pl.Series([forms[query] in aside for query in training["query"]], dtype=pl.Boolean)
        held_out = pl.concat([held_out, training.filter(there)])
        training = training.filter(~there)
    return training, held_out


def _numbered(judgments: pl.DataFrame, pins: pl.DataFrame) -> Pairs:
    return number_pairs(judgments["query"].to_list(), judgments["pin_id"].to_list(), pins)


def _expected(logits: torch.Tensor) -> NDArray[np.float64]:
    """Return the expected levels FP64 [N] of logits [N, 5]."""
    levels: NDArray[np.float64] = torch.softmax(logits.double(), dim=1).numpy() @ np.arange(
        1.0, LEVELS + 1
    )
    return levels


def _compare(
    logits: torch.Tensor,
    levels: NDArray[np.int64],
    query: NDArray[np.int64],
    baselines: Mapping[str, NDArray[Any]],
) -> dict[str, Any]:
    """Return the teacher's and the baselines' figures, and whether it may label."""
    group = np.unique(query, return_inverse=True)[1]
    scores = {"teacher": _expected(logits), **baselines}
    ranked = {name: per_query(ndcg, group, levels, values) for name, values in scores.items()}
    best = max(baselines, key=lambda name: ranked[name].mean())
    difference = mean_difference(ranked["teacher"], ranked[best], Resampling())
    ahead = (difference.value or 0.0) > 0
    probabilities = torch.softmax(logits, dim=1).float().numpy()
    measured = {
        name: {
            "ndcg@20": float(ranked[name].mean()),
            **{f"auroc_{level}": auroc(levels >= level, values) for level in (3, 4, 5)},
        }
        for name, values in scores.items()
    }
    told = (
        f"on {len(ranked[best])} held-out queries its nDCG@20 is {ranked['teacher'].mean():.4f}, "
        f"that of the best baseline ({best}) {ranked[best].mean():.4f}: "
        f"{difference.value:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})"
    )
    return {
        "validation": {**level_metrics(levels, probabilities), **measured["teacher"]},
        "baselines": {name: measured[name] for name in baselines},
        "best_baseline": best,
        "over_best_baseline": asdict(difference),
        "labels": ahead,
        "reason": told,
    }
