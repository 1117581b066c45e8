"""The student: two towers and a scoring head.

Query and pin are embedded apart, so that pins can be embedded long before the query comes; the
scoring head learns five level probabilities from both embeddings and the match features. It starts
as the untuned encoder's cosine and the match features, fitted to the judgments, and is trained away
from there as far as held-out queries say that it pays; or both towers are one encoder as it is, and
only the head is fitted.
"""

import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pintower.artifacts import write_json
from pintower.config import StudentConfig
from pintower.data.tables import PINS, read_table
from pintower.models.adoption import adopt
from pintower.models.adoption.calibration import fit_to_texts
from pintower.models.encoders import save_encoder
from pintower.models.freezing import freeze_calibration
from pintower.models.judged import why_too_few
from pintower.models.scoring_head import ScoringHead
from pintower.models.student import Student, load_student
from pintower.models.tuning.calibration import fit_calibration
from pintower.models.tuning.choice import Judged
from pintower.models.tuning.examples import read_examples
from pintower.models.tuning.learner import Examples, Pooled
from pintower.models.tuning.nested import compare_widths
from pintower.models.tuning.search import search
from pintower.models.tuning.start import fit_heads, lay_out_towers, pool_both
from pintower.models.tuning.trial import Parts, finished

__all__ = ["run"]

logger = logging.getLogger(__name__)

_TRIALS = "trials"
"""Folder of what is trained, there until the student is whole."""


def run(config: StudentConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Make the student; write a student folder and ``training.json``.

    Args:
        config: the recipe's section; its method says how.
        inputs: ``data`` and, where a teacher has labelled, ``labels``.
        folder: to write into.

    Returns:
        Pairs, queries, and which scoring head or which training was taken.

    Raises:
        DatasetError: if there is too little text to tell levels from.
        StudentError: if an encoder cannot be used.
    """
    if config.method == "encoder":
        adopted = adopt(config, inputs["data"], folder)
        return {key: adopted[key] for key in ("pairs", "queries", "head")}
    started = time.monotonic()
    torch.manual_seed(config.seed)
    one = (config.query_encoder, config.query_layers) == (config.pin_encoder, config.pin_layers)
    student = lay_out_towers(config, inputs["data"], folder)
    examples = read_examples(student, inputs, config.seed, pin_tokens=config.trained_pin_tokens)
    pooled = pool_both(student, examples, one=one, bf16=config.bf16)
    widths = sorted(config.widths, reverse=True)
    if not (lacking := why_too_few(examples.judgments())):
        student, heads, told = _train(student, examples, pooled, config, folder / _TRIALS, one=one)
    else:
        pins = read_table(inputs["data"], PINS)
        heads, told = fit_to_texts(student, pins, config.seed, widths)
        reason = f"the start: {lacking}, so nothing tells whether training pays"
        logger.warning("nothing is trained; %s", reason)
        told = {**told, "steps": 0, "search": {"plan": None, "reason": reason}}
    save_encoder(student.query_encoder.cpu(), student.layout.query_encoder)
    save_encoder(student.pin_encoder.cpu(), student.layout.pin_encoder)
    for head, place in zip(heads, _head_folders(student, widths), strict=True):
        head.cpu().save(place)
    freeze_calibration(load_student(folder), inputs["data"])
    training: dict[str, Any] = {
        "method": config.method,
        "query_encoder": config.query_encoder,
        "pin_encoder": config.pin_encoder,
        "pooling": config.pooling,
        "width": heads[0].width,
        "queries": len(examples.inputs.pairs.queries),
        "pins": len(examples.inputs.pairs.pins),
        "judgments": int(examples.human.sum()),
        "labels": int((~examples.human).sum()),
        **told,
        "seconds": round(time.monotonic() - started, 1),
    }
    write_json(student.layout.training, training)
    shutil.rmtree(folder / _TRIALS, ignore_errors=True)
    taken = training["search"]["plan"]
    return {
        "judgments": training["judgments"],
        "labels": training["labels"],
        "trained": "nothing" if taken is None else taken["depth"],
        "reason": training["search"]["reason"],
    }


def _train(
    student: Student,
    examples: Examples,
    pooled: Pooled,
    config: StudentConfig,
    folder: Path,
    *,
    one: bool,
) -> tuple[Student, Sequence[ScoringHead], dict[str, Any]]:
    """Search, take what pays, calibrate it; return the student, its heads and what to tell."""
    start = fit_heads(student, examples, pooled, config)
    towers = student.query_encoder, student.pin_encoder
    parts = Parts(*towers, start.heads, start.fold_heads, one, pooled, config.bf16)
    judged = Judged(
        np.unique(examples.query[start.rows], return_inverse=True)[1], examples.levels[start.rows]
    )
    found = search(parts, examples, start.logits, judged, config, folder)
    heads: Sequence[ScoringHead] = start.heads
    if found.taken is not None:
        learner = finished(parts, examples, *found.taken, found.share, config.seed)
        heads = learner.heads
        student = replace(
            student, query_encoder=learner.query_encoder, pin_encoder=learner.pin_encoder
        )
    calibrations = [fit_calibration(logits, judged.levels) for logits in found.logits]
    for calibration, head in zip(calibrations, heads, strict=True):
        calibration.apply(head)
    curve = [] if found.taken is None else list(found.taken[1].curve)
    steps = curve[-1]["step"] if curve else 0
    told = {**start.told, "search": found.told, "steps": steps, "loss": curve}
    told["temperature"] = calibrations[0].temperature
    if config.widths:
        widths = [head.width for head in heads]
        told["widths"] = compare_widths(widths, found.logits, judged, config.seed)
    return student, heads, told


def _head_folders(student: Student, widths: Sequence[int]) -> list[Path]:
    """Return where the scoring heads go, the full width's first."""
    layout = student.layout
    return [layout.scoring_head, *(layout.narrower_head(width) for width in widths)]
