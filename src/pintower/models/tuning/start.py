"""Where a student starts: the untuned encoder's cosine and the match features, fitted to levels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor

from pintower.artifacts import read_json
from pintower.config import StudentConfig
from pintower.data.tables import DATASET, MATCH_STATISTICS
from pintower.errors import StudentError
from pintower.models.adoption.evidence import Evidence
from pintower.models.adoption.selection import choose_head, fits_for
from pintower.models.encoders import build_encoder, save_encoder
from pintower.models.optimization import training_device
from pintower.models.prefixes import require_plain, require_room
from pintower.models.pretrained import chosen_prefixes
from pintower.models.scoring_head import LEVELS, ScoringHead
from pintower.models.student import Student, StudentLayout
from pintower.models.tokenization import load_tokenizer
from pintower.models.towers import pool_all, project, start_together
from pintower.models.tuning.learner import Examples, Pooled
from pintower.text.match_features import FEATURES, MatchStatistics
from pintower.text.rendering import Rendering

__all__ = ["Start", "fit_heads", "lay_out_towers", "pool_both"]

_MOST_PAIRS = 30_000
"""Judged pairs that heads are fitted to, by whole queries: more change little."""


@dataclass(frozen=True)
class Start:
    """The scoring heads that training starts from, and how they do on held-out queries.

    Attributes:
        heads: fitted to all the judgments, one of each width, the full one first.
        fold_heads: for each fold, those fitted to the others.
        rows: INT64 [H], the held-out pairs among the examples.
        logits: of these, each by the heads of its fold, FP32 [W, H, 5].
        told: as JSON, how the kind of head was chosen.
    """

    heads: list[ScoringHead]
    fold_heads: dict[int, list[ScoringHead]]
    rows: NDArray[np.int64]
    logits: Tensor
    told: dict[str, Any]


def lay_out_towers(config: StudentConfig, data: Path, folder: Path) -> Student:
    """Write both towers as they start, the text rendering and the statistics.

    The scoring head knows nothing yet, and none is written.

    Raises:
        StudentError: if an encoder cannot be used, or both give embeddings of different widths.
    """
    layout = StudentLayout(folder)
    folder.mkdir(parents=True, exist_ok=True)
    dataset = read_json(data / DATASET)
    query_encoder, pin_encoder = _build_towers(config, dataset)
    widths = [tower.get_embedding_dimension() for tower in (query_encoder, pin_encoder)]
    if widths[0] != widths[1]:
        raise StudentError(
            f"{config.query_encoder!r} gives embeddings of width {widths[0]}, "
            f"{config.pin_encoder!r} of width {widths[1]}. Set student.width, to {min(widths)} at "
            "most."
        )
    if wide := [width for width in config.widths if width >= widths[0]]:
        raise StudentError(
            f"student.widths holds {max(wide)}, and the student's embeddings have {widths[0]} "
            f"numbers. Give widths from 1 to {widths[0] - 1}, or leave student.widths out."
        )
    rendering = _rendering(config)
    rendering.save(layout.text)
    statistics = MatchStatistics.load(data / MATCH_STATISTICS)
    statistics.save(layout.match_stats)
    # The tokenizers are read back from the folders, as the export will read them.
    save_encoder(query_encoder, layout.query_encoder)
    save_encoder(pin_encoder, layout.pin_encoder)
    for side, encoder in (("query", layout.query_encoder), ("pin", layout.pin_encoder)):
        prefix, limit = rendering.of(side)
        tokenizer = load_tokenizer(encoder, limit)
        require_plain(tokenizer, prefix, side)
        require_room(tokenizer, prefix, limit, side)
    head = ScoringHead(widths[0], FEATURES, ())
    return Student(layout, query_encoder, pin_encoder, head, rendering, statistics)


def pool_both(student: Student, examples: Examples, *, one: bool, bf16: bool) -> Pooled:
    """Return the pooled text of every query and pin; let both projections begin together.

    Args:
        student: its projections are changed in place, where both towers are one encoder.
        examples: with the texts.
        one: both towers are one encoder.
        bf16: multiply in bfloat16 where the device can.
    """
    device = training_device()
    towers = student.query_encoder.to(device), student.pin_encoder.to(device)
    inputs = examples.inputs
    queries = pool_all(towers[0], inputs.queries, device, bf16, unit="queries")
    pins = pool_all(towers[1], inputs.pins, device, bf16, unit="pins")
    if one:
        start_together(*towers, pins)
    return Pooled(queries, pins)


def fit_heads(student: Student, examples: Examples, pooled: Pooled, config: StudentConfig) -> Start:
    """Choose a kind of scoring head by cross-validation and fit it without each fold.

    The full width chooses; heads of the recipe's narrower widths are of its kind.

    Args:
        student: with its projections as they start.
        examples: with judgments of two queries and two levels at least.
        pooled: the texts of all examples.
        config: seed, narrower widths, and the hidden layers of the richest head.
    """
    evidence = _evidence_of(student, examples, pooled)
    human = np.flatnonzero(examples.human)
    fold = examples.fold[human]
    fitted = _some_queries(evidence, config.seed)
    choice = choose_head(
        evidence.take(fitted).compact(), {"cosine": evidence.similarity[fitted]},
        seed=config.seed, hidden=config.hidden,
    )  # fmt: skip
    fit = fits_for(len(fitted), config.seed, config.hidden)[choice.name]
    widths = sorted(config.widths, reverse=True)
    seen = [evidence, *(evidence.narrowed(width) for width in widths)]
    heads = [choice.head, *(fit(narrow.take(fitted)) for narrow in seen[1:])]
    held = np.flatnonzero(fold >= 0)
    logits = torch.zeros(len(seen), len(held), LEVELS)
    fold_heads = {}
    for number in np.unique(fold[held]).tolist():
        fold_heads[number] = [fit(each.take(fitted[fold[fitted] != number])) for each in seen]
        of_fold = fold[held] == number
        for head in fold_heads[number]:
            head.restandardize(examples.inputs.matches)
        logits[:, of_fold] = _logits(fold_heads[number], seen, held[of_fold])
    for head in heads:
        head.restandardize(examples.inputs.matches)
    told = {"head": choice.name, "cross_validation": choice.measured}
    return Start(heads, fold_heads, human[held], logits, told)


@torch.no_grad()
def _logits(
    heads: Sequence[ScoringHead], seen: Sequence[Evidence], rows: NDArray[np.int64]
) -> Tensor:
    """Return logits FP32 [W, N, 5] of some pairs, by each head on the evidence of its width."""
    parts = np.array_split(rows, len(rows) // 4_096 + 1)
    return torch.stack(
        [
            torch.cat([head(*evidence.inputs(part)) for part in parts])
            for head, evidence in zip(heads, seen, strict=True)
        ]
    )


def _some_queries(evidence: Evidence, seed: int) -> NDArray[np.int64]:
    """Return the pairs of as many random queries as there is use for."""
    counts = np.bincount(evidence.query, minlength=len(evidence.texts))
    order = np.random.default_rng(seed).permutation(len(counts))
    before = np.cumsum(counts[order]) - counts[order]
    return np.flatnonzero(np.isin(evidence.query, order[before < _MOST_PAIRS]))


@torch.no_grad()
def _evidence_of(student: Student, examples: Examples, pooled: Pooled) -> Evidence:
    """Return the judged pairs as the student at its start sees them."""
    rows = np.flatnonzero(examples.human)
    inputs = examples.inputs
    queries = _embed(student.query_encoder, pooled.queries, inputs.query_vectors)
    pins = _embed(student.pin_encoder, pooled.pins, inputs.pin_vectors)
    return Evidence(
        texts=inputs.pairs.queries,
        queries=queries,
        pins=pins,
        query=inputs.pairs.query[rows],
        pin=inputs.pairs.pin[rows],
        matches=inputs.matches.numpy()[rows],
        levels=examples.levels[rows],
    )


def _embed(
    tower: SentenceTransformer, pooled: Tensor, vectors: Tensor | None
) -> NDArray[np.float32]:
    given = None if vectors is None else vectors.to(pooled.device)
    embeddings: NDArray[np.float32] = project(tower, pooled, given).cpu().numpy()
    return embeddings


def _build_towers(
    config: StudentConfig, dataset: Mapping[str, Any]
) -> tuple[SentenceTransformer, SentenceTransformer]:
    shared: dict[str, Any] = {"width": config.width, "pooling": config.pooling}
    query_encoder = build_encoder(
        config.query_encoder,
        layers=config.query_layers,
        columns=dataset.get("query_feature_columns", []),
        **shared,
    )
    pin_encoder = build_encoder(
        config.pin_encoder, layers=config.pin_layers, columns=dataset["feature_columns"], **shared
    )
    return query_encoder, pin_encoder


def _rendering(config: StudentConfig) -> Rendering:
    query_prefix, pin_prefix = chosen_prefixes(config)
    given = config.model_dump(include={"query_max_tokens", "pin_max_tokens", "source_max_chars"})
    return Rendering(
        query_prefix=query_prefix, pin_prefix=pin_prefix, pin_sources=config.pin_sources, **given
    )
