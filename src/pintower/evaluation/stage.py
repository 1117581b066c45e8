"""Measure student, teacher and baselines on the judgments of held-out queries."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pintower.artifacts import read_json, write_json
from pintower.config import EvaluationConfig
from pintower.data.tables import JUDGMENTS, PINS, QUERY_LOG, read_table
from pintower.evaluation.advice import advice
from pintower.evaluation.caveats import caveats
from pintower.evaluation.parts import parts_of
from pintower.evaluation.predictions import predict
from pintower.metrics.bootstrap import Resampling
from pintower.metrics.comparison import (
    MAIN,
    compare,
    differences,
    majority,
    measures_for,
    reliabilities,
)
from pintower.metrics.slices import slice_differences, slices
from pintower.models.baselines import BASELINES

__all__ = ["run", "warn"]

logger = logging.getLogger(__name__)

_MODELS = ("teacher", "student", *BASELINES)
_COMPARED = (
    *(("student", baseline) for baseline in BASELINES),
    *(("teacher", baseline) for baseline in BASELINES),
    ("teacher", "student"),
)


def run(config: EvaluationConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Score the test judgments; write ``predictions.parquet`` and ``metrics.json``.

    Args:
        config: the recipe's section.
        inputs: ``data``, ``student`` and, where the run has one, ``teacher``.
        folder: to write into.

    Returns:
        Queries, pairs, every model's nDCG@20, and the student's difference from the best baseline;
        without test judgments only zeros.

    Raises:
        StudentError: if teacher, student or the encoder it was made from cannot be loaded.
    """
    judged = read_table(inputs["data"], JUDGMENTS)
    held_out = judged.filter(pl.col("split") == "test")
    training = judged.filter(pl.col("split") == "train")
    measures = measures_for(judged["level"])
    if held_out.is_empty():
        return _nothing(config, measures, held_out, folder)
    predictions, absent = predict(
        held_out, training, read_table(inputs["data"], PINS), inputs, config.seed
    )
    predictions.write_parquet(folder / "predictions.parquet")
    resampling = Resampling(config.bootstrap, config.confidence, config.seed)
    models = [name for name in _MODELS if name in predictions.columns]
    metrics = compare(predictions, models, measures, resampling)
    metrics["confidence"] = config.confidence
    metrics["baselines_absent"] = absent
    metrics["best_baseline"] = best = _best(metrics["models"])
    compared = [pair for pair in _COMPARED if set(pair) <= set(models)]
    metrics["differences"] = rows = differences(predictions, compared, resampling)
    levels = held_out["level"].to_numpy().astype(np.int64)
    metrics["majority"] = majority(levels, training["level"].to_numpy().astype(np.int64), measures)
    if "ece" in measures:
        metrics["reliability"] = reliabilities(predictions, models)
    by = parts_of(held_out, read_table(inputs["data"], QUERY_LOG))
    found = slices(predictions, by, models, measures, resampling)
    told = slice_differences(predictions, by, "student", best, resampling)
    metrics["slices"] = [
        {**part, "difference": difference} for part, difference in zip(found, told, strict=True)
    ]
    main = next(row for row in rows if (row["model"], row["baseline"]) == ("student", best))
    metrics["caveats"] = caveats(metrics["queries"], len(set(levels.tolist())), main)
    metrics["advice"] = advice(
        rows,
        best,
        held_out_queries=metrics["queries"],
        training_queries=training["query"].n_unique(),
        encoder=_encoder(inputs["student"]),
        languages=_shares(held_out["language"]),
    )
    write_json(folder / "metrics.json", metrics)
    warn(main, metrics)
    ndcg = {f"{name}_ndcg": metrics["models"][name][MAIN]["value"] for name in models}
    difference = f"{main['value']:+.3f} ({main['low']:+.3f} to {main['high']:+.3f})"
    sizes = {"queries": metrics["queries"], "pairs": metrics["pairs"]}
    return {**sizes, **ndcg, "best_baseline": best, "student_minus_best": difference}


def _nothing(
    config: EvaluationConfig, measures: Sequence[str], held_out: pl.DataFrame, folder: Path
) -> dict[str, Any]:
    """Write that nothing was measured."""
    table = held_out.select("query", "pin_id", "level", "language")
    table.write_parquet(folder / "predictions.parquet")
    reason = "the test split is empty"
    logger.warning("no test judgments: nothing was measured")
    metrics = {
        "queries": 0,
        "pairs": 0,
        "measures": list(measures),
        "models": {},
        "confidence": config.confidence,
        "reason": reason,
        "caveats": caveats(0, 0),
    }
    write_json(folder / "metrics.json", metrics)
    return {"queries": 0, "pairs": 0}


def _best(models: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the baseline that ranks best on these queries: the hardest comparison there is."""
    return max(
        (name for name in BASELINES if name in models), key=lambda name: models[name][MAIN]["value"]
    )


def _encoder(student: Path) -> str | None:
    path = student / "training.json"
    return read_json(path).get("query_encoder") if path.is_file() else None


def _shares(languages: pl.Series) -> dict[str, float]:
    """Return each language's share of those that are named."""
    counts = languages.drop_nulls().value_counts(normalize=True, name="share")
    return dict(zip(counts["language"], counts["share"], strict=True))


def warn(main: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    """Say so where the student is not ahead of the best baseline, and what limits the figures.

    Args:
        main: the student's difference from the best baseline.
        metrics: ``queries``, ``advice`` and ``caveats``.
    """
    if main["verdict"] != "ahead":
        standing = "is behind" if main["verdict"] == "behind" else "cannot be told apart from"
        logger.warning(
            "the student %s the best baseline, %s: %+.3f nDCG@20 (%+.3f to %+.3f), measured on "
            "the held-out queries (%d). %s",
            standing, main["baseline"], main["value"], main["low"], main["high"],
            metrics["queries"], " ".join(metrics["advice"]),
        )  # fmt: skip
    for caveat in metrics["caveats"]:
        logger.warning("%s", caveat)
