"""Fine-tune a cross-encoder on human levels: the teacher that labels the search log.

It starts as an untuned encoder's cosine and the match features, fitted to the levels, and its
network adds to that. Queries held out from training say which of its weights are kept, and whether
it judges better than what needs no training; one that does not has nothing to teach.
"""

import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from pintower.artifacts import write_json
from pintower.config import TeacherConfig
from pintower.data.splits import normal_forms
from pintower.data.tables import JUDGMENTS, MATCH_STATISTICS, PINS, read_table
from pintower.errors import DatasetError
from pintower.metrics.comparison import MAIN
from pintower.models.baselines import BASELINES, remembered, score_baselines
from pintower.models.cross_encoder import TeacherLayout, build_cross_encoder
from pintower.models.fine_tuning import Task, fine_tune
from pintower.models.judged import FEWEST_QUERIES, why_too_few
from pintower.models.level_columns import level_columns
from pintower.models.pairs import Pairs, number_pairs
from pintower.models.teacher_start import (
    TeacherStart,
    signals_of,
    start_embedding,
    start_rendering,
)
from pintower.models.verdict import judge_teacher
from pintower.text.match_features import MatchStatistics

__all__ = ["run", "split_off"]

logger = logging.getLogger(__name__)

_FEWEST_HELD_OUT = 50
"""Queries of a validation split; with fewer, some of the training queries are held out too."""
_MOST_HELD_OUT = 300
"""Queries of a validation split that are looked at."""
_SET_ASIDE = 5
"""One training query of so many."""
_CHECKPOINTS = "checkpoints"
"""Folder that is there until the stage is done, so that a killed run is taken up."""


def run(config: TeacherConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Train the teacher; write a Hugging Face folder and ``metrics.json``.

    Args:
        config: the recipe's section.
        inputs: ``data``.
        folder: to write into.

    Returns:
        Training pairs, steps, the nDCG@20 on held-out queries and whether it may label. Without
        any judgment there is no model, and ``metrics.json`` says so.

    Raises:
        DatasetError: if there is no training judgment.
        StudentError: if the backbone cannot be used.
    """
    started = time.monotonic()
    pins = read_table(inputs["data"], PINS)
    judgments = read_table(inputs["data"], JUDGMENTS)
    if judgments.is_empty():
        reason = "there are no judgments to learn from"
        logger.warning("no teacher is trained: %s", reason)
        write_json(TeacherLayout(folder).metrics, {"pairs": 0, "labels": False, "reason": reason})
        return {"pairs": 0, "steps": 0, "labels": False}
    if (judgments["split"] != "train").all():
        raise DatasetError(
            "The dataset's judgments are held out, none of them for training, and the teacher "
            "needs some. Add judgments or lower data.validation_share and data.test_share."
        )
    training, held_out, told = split_off(judgments, config.seed)
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
    judged = _Judged.of(training, held_out, pins)
    statistics = MatchStatistics.load(inputs["data"] / MATCH_STATISTICS)
    rules = start_rendering(config.similarity_encoder, config.pin_sources, config.max_length)
    embed = remembered(start_embedding(config.similarity_encoder, rules), judged.pairs)
    start = None
    if not (lacking := why_too_few(training)):
        signals = signals_of(judged.pairs, embed, statistics)
        fitted = TeacherStart.fit(
            config.similarity_encoder,
            rules,
            statistics,
            signals[judged.rows],
            judged.levels[judged.rows],
        )
        start = fitted.logits(signals)
        teacher = replace(teacher, start=fitted)
    else:
        logger.warning("%s: the teacher starts from nothing", lacking)
    checkpoints = folder / _CHECKPOINTS
    task = Task.of(teacher, judged.pairs, judged.levels, start)
    tuned = fine_tune(teacher, task, judged.rows, judged.held, config, checkpoints)
    metrics: dict[str, Any] = {
        "pairs": len(training),
        "queries": training["query"].n_unique(),
        "held_out_queries": told,
        "steps": tuned.outcome.steps,
        "taken_at_step": tuned.outcome.best_step,
        "checks": tuned.outcome.values,
        "loss": tuned.outcome.curve,
    }
    if tuned.settled is None:
        reason = "no query could be held out, so nothing tells whether it beats the baselines"
        metrics |= {"labels": False, "reason": reason, "validation": {"queries": 0, "pairs": 0}}
    else:
        baselines = score_baselines(held_out, training, pins, embed, statistics, config.seed)
        columns = baselines.columns | level_columns("teacher", _softmax(tuned.settled.logits))
        if task.start is not None:
            columns |= level_columns("start", _softmax(task.start[judged.held]))
        metrics |= {"share": tuned.settled.share, "temperature": tuned.settled.temperature}
        metrics |= _measure(held_out, columns, config.seed)
    tuned.teacher.save(folder, backbone=config.encoder)
    metrics["seconds"] = round(time.monotonic() - started, 1)
    write_json(TeacherLayout(folder).metrics, metrics)
    if not metrics["labels"]:
        logger.warning("the teacher will not label: %s", metrics["reason"])
    shutil.rmtree(checkpoints)
    ranked = metrics["validation"].get("models", {}).get("teacher", {}).get(MAIN, {}).get("value")
    return {
        "pairs": len(training),
        "steps": tuned.outcome.steps,
        "validation_ndcg": ranked,
        "labels": metrics["labels"],
    }


@dataclass(frozen=True)
class _Judged:
    """Training judgments, then held-out ones, as numbers.

    Attributes:
        pairs: N pairs.
        levels: INT64 [N].
        rows: INT64 [M], those to learn from.
        held: INT64 [H], those held out.
    """

    pairs: Pairs
    levels: NDArray[np.int64]
    rows: NDArray[np.int64]
    held: NDArray[np.int64]

    @classmethod
    def of(cls, training: pl.DataFrame, held_out: pl.DataFrame, pins: pl.DataFrame) -> "_Judged":
        both = pl.concat([training, held_out])
        pairs = number_pairs(both["query"].to_list(), both["pin_id"].to_list(), pins)
        rows, held = np.split(np.arange(len(both)), [len(training)])
        return cls(pairs, both["level"].to_numpy().astype(np.int64), rows, held)


def _softmax(logits: torch.Tensor) -> NDArray[np.float32]:
    probabilities: NDArray[np.float32] = torch.softmax(logits.double(), dim=1).float().numpy()
    return probabilities


def _measure(
    held_out: pl.DataFrame, columns: Mapping[str, NDArray[Any]], seed: int
) -> dict[str, Any]:
    """Return every model's figures on held-out judgments, and whether the teacher may label."""
    predictions = held_out.select("query", "level").with_columns(
        pl.Series(name, values) for name, values in columns.items()
    )
    verdict = judge_teacher(predictions, BASELINES, seed=seed)
    return {"labels": verdict.labels, "reason": verdict.reason, **verdict.told}


def split_off(
    judgments: pl.DataFrame, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Any]]:
    """Return judgments to train on, those of held-out queries, and what these are, as JSON.

    Where the validation split has few queries, a fifth of the training queries is held out too, if
    enough of them are left; where it has very many, some are drawn: each check reads all of them.
    """
    parts = {name: judgments.filter(pl.col("split") == name) for name in ("train", "validation")}
    training, held_out = parts["train"], parts["validation"]
    forms = normal_forms(judgments["query"].unique())
    random = np.random.default_rng(seed)

    def drawn(table: pl.DataFrame, count: int) -> pl.Series:
        """Return which rows have one of so many random queries."""
        names = sorted({forms[query] for query in table["query"].unique()})
        chosen = {names[number] for number in random.permutation(len(names))[:count].tolist()}
        return pl.Series([forms[query] in chosen for query in table["query"]], dtype=pl.Boolean)

    given, count = (
        len({forms[q] for q in part["query"].unique()}) for part in (held_out, training)
    )
    told: dict[str, Any] = {"of_validation_split": given, "of_training_split": 0}
    aside = count // _SET_ASIDE
    if given > _MOST_HELD_OUT:
        held_out = held_out.filter(drawn(held_out, _MOST_HELD_OUT))
        told["of_validation_split"] = _MOST_HELD_OUT
    elif given < _FEWEST_HELD_OUT and count - aside >= FEWEST_QUERIES:
        there = drawn(training, aside)
        held_out = pl.concat([held_out, training.filter(there)])
        training = training.filter(~there)
        told["of_training_split"] = aside
    return training, held_out, told
