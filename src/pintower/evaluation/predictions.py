"""The scores of every model and baseline on judged pairs."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.artifacts import read_json
from pintower.models.baselines import Embed, score_baselines, untuned_encoder
from pintower.models.cross_encoder import CrossEncoder
from pintower.models.level_columns import level_columns
from pintower.models.pairs import Pairs, number_pairs, pair_match_features
from pintower.models.student import Student, load_student

__all__ = ["predict"]

_TRAINING = "training.json"
_BATCH = 128


def predict(
    judged: pl.DataFrame,
    training: pl.DataFrame,
    pins: pl.DataFrame,
    inputs: Mapping[str, Path],
    seed: int,
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Return judged pairs with the columns of each model, and why a baseline has none.

    Args:
        judged: the judgments to score; N at least 1.
        training: the training judgments, which the mixture is fitted to.
        pins: the catalogue.
        inputs: ``data``, ``student`` and, where the run has one, ``teacher``.
        seed: see :func:`pintower.models.baselines.score_baselines`.

    Raises:
        StudentError: if teacher, student or the untuned encoder cannot be loaded.
    """
    table = judged.select("query", "pin_id", "level", "language")
    pairs = number_pairs(table["query"].to_list(), table["pin_id"].to_list(), pins)
    student = load_student(inputs["student"])
    asked = {"student": _ask_student(student, pairs, inputs["data"])}
    if "teacher" in inputs:
        asked["teacher"] = CrossEncoder.load(inputs["teacher"]).judge(pairs, _BATCH)
    columns = {
        column: values
        for name, probabilities in asked.items()
        for column, values in level_columns(name, probabilities).items()
    }
    embed = _untuned(student, inputs["student"] / _TRAINING)
    baselines = score_baselines(table, training, pins, embed, student.statistics, seed)
    found = table.with_columns(
        pl.Series(name, values) for name, values in (columns | baselines.columns).items()
    )
    return found, baselines.absent


def _ask_student(student: Student, pairs: Pairs, data: Path) -> NDArray[np.float32]:
    queries = student.embed_queries(pairs.queries, student.query_vectors(data))
    pins = student.embed_pins(pairs.pins)
    matches = pair_match_features(pairs, student.statistics)
    return student.score(queries[pairs.query], pins[pairs.pin], matches)


def _untuned(student: Student, path: Path) -> Embed | None:
    """Return the encoder that a student was made from, as it was; None where it is not known."""
    if not path.is_file():
        return None
    made = read_json(path)
    if made.get("method") == "encoder":  # its towers are the untuned encoder
        return lambda pairs: (student.embed_queries(pairs.queries), student.embed_pins(pairs.pins))
    return untuned_encoder(made["query_encoder"], student.rendering, made.get("pooling"))
