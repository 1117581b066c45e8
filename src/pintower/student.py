"""The student: two towers and a scoring head.

Query and pin are embedded apart, so that pins can be embedded long before the query comes; the
scoring head learns five level probabilities from both embeddings and the match features. Towers and
head are distilled from the teacher's soft labels; or both towers are one encoder as it is, and only
the head is fitted.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from pintower.artifacts import read_json, write_json
from pintower.config import StudentConfig
from pintower.data.tables import DATASET, MATCH_STATISTICS
from pintower.models.adoption import adopt
from pintower.models.distillation import Examples, Learner, distil
from pintower.models.encoders import build_encoder, feature_columns, save_encoder, train_last_layers
from pintower.models.freezing import freeze_calibration
from pintower.models.optimization import training_device
from pintower.models.pin_inputs import feature_matrix, pin_texts
from pintower.models.prefixes import require_plain, require_room
from pintower.models.pretrained import chosen_prefixes
from pintower.models.query_vectors import QueryVectors
from pintower.models.scoring_head import ScoringHead
from pintower.models.soft_labels import read_examples
from pintower.models.student import Student, StudentLayout
from pintower.models.tokenization import load_tokenizer
from pintower.models.towers import Texts, pool_all, start_together
from pintower.text.match_features import FEATURES, MatchStatistics
from pintower.text.rendering import Rendering, render_query

__all__ = ["run"]

logger = logging.getLogger(__name__)

_CURVE_POINTS = 100
_SAMPLE = 2_000
"""Pins that decide the axes both projections start from, where not all are read beforehand."""


def run(config: StudentConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Make the student; write a student folder and ``training.json``.

    Args:
        config: the recipe's section; its method says how.
        inputs: ``data``, and to distil ``labels``.
        folder: to write into.

    Returns:
        Pairs, steps and the last loss; or pairs, queries and which scoring head was taken.

    Raises:
        DatasetError: if there are no labels, or too little text to tell levels from.
        StudentError: if an encoder cannot be used.
    """
    if config.method == "encoder":
        adopted = adopt(config, inputs["data"], folder)
        return {key: adopted[key] for key in ("pairs", "queries", "head")}
    return _distil(config, inputs, folder)


def _distil(config: StudentConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    started = time.monotonic()
    data = inputs["data"]
    layout = StudentLayout(folder)
    torch.manual_seed(config.seed)
    dataset = read_json(data / DATASET)
    query_columns = dataset.get("query_feature_columns", [])
    query_encoder, pin_encoder = _build_towers(config, query_columns, dataset["feature_columns"])
    head = ScoringHead(config.width, FEATURES, config.hidden)
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

    device = training_device()
    examples = read_examples(config, inputs, statistics, device)
    head.standardize(examples.match_features.cpu())
    known = QueryVectors.load(data, query_columns)
    learner = _learner(
        config, layout, rendering, examples, (query_encoder, pin_encoder, head), known, device
    )
    losses = distil(learner, examples, config)

    save_encoder(query_encoder.cpu(), layout.query_encoder)
    save_encoder(pin_encoder.cpu(), layout.pin_encoder)
    head.cpu().save(layout.scoring_head)
    freeze_calibration(
        Student(layout, query_encoder, pin_encoder, head, rendering, statistics), data
    )
    training: dict[str, Any] = {
        "query_encoder": config.query_encoder,
        "pin_encoder": config.pin_encoder,
        "pooling": config.pooling,
        "pairs": len(examples.targets),
        "queries": len(examples.pairs.queries),
        "pins": len(examples.pairs.pins),
        "steps": len(losses),
        "loss": _curve(losses),
        "seconds": round(time.monotonic() - started, 1),
    }
    write_json(folder / "training.json", training)
    return {"pairs": training["pairs"], "steps": len(losses), "loss": training["loss"][-1]["loss"]}


def _build_towers(
    config: StudentConfig,
    query_columns: Sequence[dict[str, Any]],
    pin_columns: Sequence[dict[str, Any]],
) -> tuple[SentenceTransformer, SentenceTransformer]:
    shared: dict[str, Any] = {"width": config.width, "pooling": config.pooling}
    query_encoder = build_encoder(
        config.query_encoder, layers=config.query_layers, columns=query_columns, **shared
    )
    pin_encoder = build_encoder(
        config.pin_encoder, layers=config.pin_layers, columns=pin_columns, **shared
    )
    train_last_layers(query_encoder, config.query_trainable_layers)
    train_last_layers(pin_encoder, config.pin_trainable_layers)
    return query_encoder, pin_encoder


def _rendering(config: StudentConfig) -> Rendering:
    query_prefix, pin_prefix = chosen_prefixes(config)
    given = config.model_dump(include={"query_max_tokens", "pin_max_tokens", "source_max_chars"})
    return Rendering(
        query_prefix=query_prefix, pin_prefix=pin_prefix, pin_sources=config.pin_sources, **given
    )


def _learner(
    config: StudentConfig,
    layout: StudentLayout,
    rendering: Rendering,
    examples: Examples,
    parts: tuple[SentenceTransformer, SentenceTransformer, ScoringHead],
    known: QueryVectors | None,
    device: torch.device,
) -> Learner:
    query_encoder, pin_encoder, head = (part.to(device) for part in parts)
    queries = Texts(
        load_tokenizer(layout.query_encoder, rendering.query_max_tokens),
        [render_query(query, rendering) for query in examples.pairs.queries],
    )
    pins = Texts(
        load_tokenizer(layout.pin_encoder, rendering.pin_max_tokens),
        pin_texts(examples.pairs.pins, rendering),
    )
    frozen = config.pin_trainable_layers == 0
    pooled = pool_all(pin_encoder, pins if frozen else pins.first(_SAMPLE), device, config.bf16)
    if config.query_encoder == config.pin_encoder:
        start_together(query_encoder, pin_encoder, pooled)
    of_pins = feature_matrix(examples.pairs.pins, feature_columns(pin_encoder))
    of_queries = None if known is None else known.matrix(examples.pairs.queries)
    return Learner(
        query_encoder=query_encoder,
        pin_encoder=pin_encoder,
        head=head,
        queries=queries,
        pins=pins,
        query_vectors=None if of_queries is None else torch.from_numpy(of_queries).to(device),
        vectors=None if of_pins is None else torch.from_numpy(of_pins).to(device),
        pooled_pins=pooled if frozen else None,
        bf16=config.bf16,
    )


def _curve(losses: Sequence[float]) -> list[dict[str, float]]:
    """Return the loss as at most 100 means over equal stretches of steps."""
    stretches = np.array_split(np.asarray(losses), min(_CURVE_POINTS, len(losses)))
    ends = np.cumsum([len(stretch) for stretch in stretches])
    return [
        {"step": int(end), "loss": float(stretch.mean())}
        for end, stretch in zip(ends, stretches, strict=True)
    ]
