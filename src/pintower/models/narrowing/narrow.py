"""From a student folder to one of narrower embeddings."""

import logging
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pintower.artifacts import read_json, write_json
from pintower.data.tables import PINS, read_table
from pintower.errors import StudentError
from pintower.metrics.bootstrap import Estimate, Resampling, mean_difference, mean_of_queries
from pintower.metrics.ranking import ndcg, per_query
from pintower.models.adoption.evidence import Evidence
from pintower.models.encoders import save_encoder
from pintower.models.freezing import freeze_calibration
from pintower.models.layout import StudentLayout
from pintower.models.narrowing.heads import fit_narrow_head, held_out
from pintower.models.narrowing.towers import along, narrow_tower
from pintower.models.scoring_head import LEVELS, ScoringHead
from pintower.models.student import Student, load_student
from pintower.models.widths import principal_axes

__all__ = ["Narrowed", "narrow_student"]

logger = logging.getLogger(__name__)

_PINS = 4_096
"""Pins, at most, whose embeddings give the axes."""


@dataclass(frozen=True)
class Narrowed:
    """How a student was narrowed (``narrow.json`` in the student folder).

    Attributes:
        source: the student it was made of.
        width: of its embeddings.
        full_width: of the source's.
        numbers: ``first``, as they were trained, or ``principal axes`` of the pins' embeddings.
        head: ``trained`` with that width, or the kind that was fitted to it.
        widths: narrower ones that still have a scoring head.
        seed: for samples and fits.
        held_out_queries: of the test split that these figures are measured on; 0 where it has none,
            and they are None.
        ndcg: mean nDCG@20 of the narrowed student.
        full_ndcg: of the source.
        difference: of the two, paired by query, with its 95 % interval.
    """

    source: str
    width: int
    full_width: int
    numbers: str
    head: str
    widths: tuple[int, ...]
    seed: int
    held_out_queries: int
    ndcg: Estimate | None
    full_ndcg: Estimate | None
    difference: Estimate | None


def narrow_student(source: Path, data: Path, folder: Path, *, width: int, seed: int) -> Narrowed:
    """Write a student folder of narrower embeddings.

    Where narrower widths were trained with the source, an embedding is cut to its first numbers,
    and the scoring head is the one that was trained with that width; narrower heads are kept. Else
    both towers give the coordinates along the principal axes of the source's pin embeddings, which
    keep as much of the products as so many numbers can. A width without a head of its own gets one
    fitted to the judgments. Rendering, match statistics and what the graphs are calibrated on are
    the source's: none of it hangs on the width.

    Args:
        source: a student folder.
        data: a data stage's folder.
        folder: empty; what is written there is a student.
        width: of the embeddings.
        seed: for samples and fits.

    Raises:
        StudentError: if the student cannot be loaded or is no wider, or if there is no head for
            that width and too few judgments to fit one.
    """
    student = load_student(source)
    full = student.head.width
    if not 1 <= width < full:
        raise StudentError(
            f"{source} has embeddings of width {full} and cannot be narrowed to {width}; allowed: "
            f"1 to {full - 1}."
        )
    trained = student.layout.widths()
    axes = torch.eye(width, full) if trained else _axes(student, data, width, seed)
    towers = (narrow_tower(each, axes) for each in (student.query_encoder, student.pin_encoder))
    query_encoder, pin_encoder = towers
    narrow = replace(student, query_encoder=query_encoder, pin_encoder=pin_encoder)
    if width in trained:
        head, kind = ScoringHead.load(student.layout.narrower_head(width)), "trained"
    else:
        head, kind = fit_narrow_head(narrow, data, seed)
    kept = tuple(other for other in trained if other < width)
    narrow = _write(replace(narrow, head=head), StudentLayout(folder), kept, data)
    before, after = _held_out_ndcg(student, narrow, axes, data, seed)
    resampling = Resampling(seed=seed)
    made = Narrowed(
        source=str(source),
        width=width,
        full_width=full,
        numbers="first" if trained else "principal axes",
        head=kind,
        widths=kept,
        seed=seed,
        held_out_queries=len(before),
        ndcg=mean_of_queries(after, resampling) if len(before) else None,
        full_ndcg=mean_of_queries(before, resampling) if len(before) else None,
        difference=mean_difference(after, before, resampling) if len(before) else None,
    )
    write_json(folder / "narrow.json", asdict(made))
    return made


def _axes(student: Student, data: Path, width: int, seed: int) -> Tensor:
    """Return the principal axes FP32 [width, D] of the pins' embeddings."""
    pins = read_table(data, PINS)
    drawn = np.random.default_rng(seed).permutation(len(pins))[:_PINS]
    return principal_axes(torch.from_numpy(student.embed_pins(pins[np.sort(drawn)])), width)


def _write(student: Student, target: StudentLayout, widths: tuple[int, ...], data: Path) -> Student:
    """Write a student's own parts and copy the others; return it with the folder it lies in."""
    source = student.layout
    save_encoder(student.query_encoder, target.query_encoder)
    save_encoder(student.pin_encoder, target.pin_encoder)
    student.head.save(target.scoring_head)
    for other in widths:
        shutil.copytree(source.narrower_head(other), target.narrower_head(other))
    shutil.copytree(source.match_stats, target.match_stats)
    shutil.copyfile(source.text, target.text)
    if source.training.is_file():
        training = read_json(source.training)
        write_json(target.training, {**training, "width": student.head.width})
    moved = replace(student, layout=target)
    if source.calibration.is_dir():
        shutil.copytree(source.calibration, target.calibration)
    else:
        freeze_calibration(moved, data)
    return load_student(target.root)


def _held_out_ndcg(
    full: Student, narrow: Student, axes: Tensor, data: Path, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the nDCG@20 FP64 [Q] of each held-out query, before and after; Q may be 0."""
    seen = held_out(full, data, seed)
    if seen is None:
        return np.zeros(0), np.zeros(0)
    queries, pins = (
        along(torch.from_numpy(part), axes, encoder).numpy()
        for part, encoder in (
            (seen.queries, full.query_encoder),
            (seen.pins, full.pin_encoder),
        )
    )
    narrowed = replace(seen, queries=queries, pins=pins)
    return _ndcg(seen, full.head), _ndcg(narrowed, narrow.head)


def _ndcg(evidence: Evidence, head: ScoringHead) -> NDArray[np.float64]:
    scores = evidence.probabilities(head) @ np.arange(1, LEVELS + 1, dtype=np.float32)
    return per_query(ndcg, evidence.query, evidence.levels, scores)
