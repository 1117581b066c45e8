"""Distil the teacher's soft labels into two towers and a scoring head: the student.

Query and pin are embedded apart, so that pins can be embedded long before the query comes; the
scoring head learns the teacher's five probabilities from both embeddings and the match features.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from sentence_transformers import SentenceTransformer

from pintower.artifacts import read_json, write_json
from pintower.config import StudentConfig
from pintower.data.tables import DATASET, JUDGMENTS, MATCH_STATISTICS, PINS, read_table
from pintower.errors import DatasetError
from pintower.models.distillation import Examples, Learner, distil
from pintower.models.encoders import build_encoder, feature_columns, save_encoder, train_last_layers
from pintower.models.optimization import training_device
from pintower.models.pairs import number_pairs, pair_match_features
from pintower.models.pin_inputs import feature_matrix, pin_texts
from pintower.models.scoring_head import LEVELS, ScoringHead
from pintower.models.student import StudentLayout
from pintower.models.tokenization import load_tokenizer
from pintower.models.towers import Texts, pool_all, start_together
from pintower.text.match_features import FEATURES, MatchStatistics
from pintower.text.rendering import Rendering, render_query

__all__ = ["run"]

logger = logging.getLogger(__name__)

_PROBABILITIES = [f"p{level}" for level in range(1, LEVELS + 1)]
_CURVE_POINTS = 100
_SAMPLE = 2_000
"""Pins that decide the axes both projections start from, where not all are read beforehand."""


def run(config: StudentConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Train the student; write a student folder and ``training.json``.

    Args:
        config: the recipe's section.
        inputs: ``data`` and ``labels``.
        folder: to write into.

    Returns:
        Pairs, steps and the last loss.

    Raises:
        DatasetError: if there are no labels.
        StudentError: if an encoder cannot be used.
    """
    started = time.monotonic()
    data = inputs["data"]
    layout = StudentLayout(folder)
    torch.manual_seed(config.seed)
    columns = read_json(data / DATASET)["feature_columns"]
    query_encoder, pin_encoder = _build_towers(config, columns)
    head = ScoringHead(config.width, FEATURES, config.hidden)
    rendering = Rendering(
        query_max_tokens=config.query_max_tokens, pin_max_tokens=config.pin_max_tokens
    )
    rendering.save(layout.text)
    statistics = MatchStatistics.load(data / MATCH_STATISTICS)
    statistics.save(layout.match_stats)
    # The tokenizers are read back from the folders, as the export will read them.
    save_encoder(query_encoder, layout.query_encoder)
    save_encoder(pin_encoder, layout.pin_encoder)

    device = training_device()
    examples = _examples(config, inputs, statistics, device)
    head.standardize(examples.match_features.cpu())
    learner = _learner(
        config, layout, rendering, examples, (query_encoder, pin_encoder, head), device
    )
    losses = distil(learner, examples, config)

    save_encoder(query_encoder.cpu(), layout.query_encoder)
    save_encoder(pin_encoder.cpu(), layout.pin_encoder)
    head.cpu().save(layout.scoring_head)
    training: dict[str, Any] = {
        "query_encoder": config.query_encoder,
        "pin_encoder": config.pin_encoder,
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
    config: StudentConfig, columns: Sequence[dict[str, Any]]
) -> tuple[SentenceTransformer, SentenceTransformer]:
    query_encoder = build_encoder(
        config.query_encoder, width=config.width, layers=config.query_layers
    )
    pin_encoder = build_encoder(
        config.pin_encoder, width=config.width, layers=config.pin_layers, columns=columns
    )
    train_last_layers(query_encoder, config.query_trainable_layers)
    train_last_layers(pin_encoder, config.pin_trainable_layers)
    return query_encoder, pin_encoder


def _examples(
    config: StudentConfig,
    inputs: Mapping[str, Path],
    statistics: MatchStatistics,
    device: torch.device,
) -> Examples:
    """Return the soft labels and, ``human_share`` as many, human training judgments."""
    labels = _read_labels(inputs["labels"])
    judgments = read_table(inputs["data"], JUDGMENTS).filter(pl.col("split") == "train")
    wanted = round(config.human_share * len(labels)) if len(judgments) else 0
    random = np.random.default_rng(config.seed)
    rounds = -(-wanted // max(1, len(judgments)))
    rows = [random.permutation(len(judgments)) for _ in range(rounds)]
    human = judgments[np.concatenate(rows)[:wanted]] if rows else judgments.clear()
    levels = torch.from_numpy(human["level"].to_numpy().astype(np.int64))
    both = pl.concat([table.select("query", "pin_id") for table in (labels, human)])
    queries, pin_ids = both["query"].to_list(), both["pin_id"].to_list()
    pairs = number_pairs(queries, pin_ids, read_table(inputs["data"], PINS))
    soft = torch.from_numpy(labels.select(_PROBABILITIES).to_numpy().copy())
    hard = torch.nn.functional.one_hot(levels - 1, LEVELS).float()
    return Examples(
        pairs=pairs,
        match_features=torch.from_numpy(pair_match_features(pairs, statistics)).to(device),
        targets=torch.cat([soft, hard]).to(device),
    )


def _read_labels(folder: Path) -> pl.DataFrame:
    shards = sorted(folder.glob("labels-*.parquet"))
    labels = pl.concat([pl.read_parquet(shard) for shard in shards]) if shards else pl.DataFrame()
    if labels.is_empty():
        raise DatasetError(f"{folder} holds no labels; run the labels stage first.")
    return labels


def _learner(
    config: StudentConfig,
    layout: StudentLayout,
    rendering: Rendering,
    examples: Examples,
    parts: tuple[SentenceTransformer, SentenceTransformer, ScoringHead],
    device: torch.device,
) -> Learner:
    query_encoder, pin_encoder, head = (part.to(device) for part in parts)
    queries = Texts(
        load_tokenizer(layout.query_encoder, config.query_max_tokens),
        [render_query(query, rendering) for query in examples.pairs.queries],
    )
    pins = Texts(
        load_tokenizer(layout.pin_encoder, config.pin_max_tokens),
        pin_texts(examples.pairs.pins, rendering),
    )
    frozen = config.pin_trainable_layers == 0
    pooled = pool_all(pin_encoder, pins if frozen else pins.first(_SAMPLE), device, config.bf16)
    if config.query_encoder == config.pin_encoder:
        start_together(query_encoder, pin_encoder, pooled)
    vectors = feature_matrix(examples.pairs.pins, feature_columns(pin_encoder))
    return Learner(
        query_encoder=query_encoder,
        pin_encoder=pin_encoder,
        head=head,
        queries=queries,
        pins=pins,
        vectors=None if vectors is None else torch.from_numpy(vectors).to(device),
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
