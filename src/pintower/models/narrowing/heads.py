"""The scoring head of a narrowed student: the one trained for its width, or one fitted to it."""

from pathlib import Path

import polars as pl
import torch

from pintower.artifacts import read_json
from pintower.config import StudentConfig
from pintower.data.tables import JUDGMENTS, PINS, read_table
from pintower.errors import StudentError
from pintower.models.adoption.calibration import fit_to_texts
from pintower.models.adoption.evidence import Evidence
from pintower.models.adoption.fitting import evidence_of, fit_to_judgments
from pintower.models.judged import draw_by_query, why_too_few
from pintower.models.pairs import number_pairs
from pintower.models.scoring_head import ScoringHead
from pintower.models.student import Student
from pintower.models.tuning.calibration import fit_calibration

__all__ = ["fit_narrow_head", "held_out"]


def fit_narrow_head(student: Student, data: Path, seed: int) -> tuple[ScoringHead, str]:
    """Return a scoring head for towers that have none of their width, and of which kind it is.

    It is chosen and fitted as for an encoder that is taken as it is. Towers that were trained on
    those judgments fit them better than others; the head of such is calibrated on the validation
    split, where that can carry a calibration.

    Args:
        student: with its towers as they are now, and the layout of the one they were made of.
        data: the data stage's folder.
        seed: for samples, folds and initialization.

    Raises:
        StudentError: if there are too few judgments, and the student's levels come from some.
    """
    judgments = read_table(data, JUDGMENTS)
    learned = judgments.filter(pl.col("split") == "train")
    if lacking := why_too_few(learned):
        training = student.layout.training
        told = read_json(training) if training.is_file() else {}
        if told.get("calibrated_on") != "texts":
            widths = ", ".join(map(str, student.layout.widths())) or "none"
            raise StudentError(
                f"{student.layout.root} has no scoring head for that width (it has: {widths}), and "
                f"none can be fitted: {lacking}. Give a dataset with judgments, or train the width "
                "with the student: student.widths."
            )
        (head,), _ = fit_to_texts(student, read_table(data, PINS), seed)
        return head, "cosine"
    hidden = StudentConfig().hidden
    drawn = draw_by_query(learned, seed)
    head, told = fit_to_judgments(student, drawn, data, seed=seed, hidden=hidden)
    validation = draw_by_query(judgments.filter(pl.col("split") == "validation"), seed)
    if student.layout.distilled() and not why_too_few(validation):
        unseen = _evidence(student, validation, data)
        logits = torch.from_numpy(unseen.probabilities(head)).clamp_min(1e-9).log()
        fit_calibration(logits, unseen.levels).apply(head)
    return head, str(told["head"])


def held_out(student: Student, data: Path, seed: int) -> Evidence | None:
    """Return judged pairs of the test split as a student's towers see them; None without any.

    Args:
        student: its towers embed.
        data: the data stage's folder.
        seed: for the draw, where there are many.
    """
    test = read_table(data, JUDGMENTS).filter(pl.col("split") == "test")
    test = test.filter(pl.col("level").n_unique().over("query") > 1)
    return None if test.is_empty() else _evidence(student, draw_by_query(test, seed), data)


def _evidence(student: Student, judgments: pl.DataFrame, data: Path) -> Evidence:
    pins = read_table(data, PINS)
    pairs = number_pairs(judgments["query"].to_list(), judgments["pin_id"].to_list(), pins)
    return evidence_of(student, pairs, judgments["level"], data)
