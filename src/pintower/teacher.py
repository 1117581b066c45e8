"""Fine-tune a cross-encoder on human levels: the teacher that labels the search log."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch.nn.functional import cross_entropy

from pintower.artifacts import write_json
from pintower.config import TeacherConfig
from pintower.data.tables import JUDGMENTS, PINS, read_table
from pintower.errors import DatasetError
from pintower.metrics.classification import level_metrics
from pintower.models.cross_encoder import CrossEncoder, TeacherLayout, build_cross_encoder
from pintower.models.optimization import Stepper, length_buckets
from pintower.models.pin_inputs import pin_texts
from pintower.progress import track

__all__ = ["fine_tune", "run"]

logger = logging.getLogger(__name__)

_SCORED_AT_ONCE = 128
_NEW_LAYERS = 10.0
"""Learning rate of the classification layer, which starts from nothing, over the backbone's."""


def run(config: TeacherConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Train the teacher; write a Hugging Face folder and ``metrics.json``.

    Args:
        config: the recipe's section.
        inputs: ``data``.
        folder: to write into.

    Returns:
        Training pairs, steps and the accuracy on the validation queries.

    Raises:
        DatasetError: if there is no training judgment.
        StudentError: if the backbone cannot be used.
    """
    started = time.monotonic()
    pins = read_table(inputs["data"], PINS)
    judgments = read_table(inputs["data"], JUDGMENTS)
    training = judgments.filter(pl.col("split") == "train")
    if training.is_empty():
        raise DatasetError(
            "The dataset's judgments are held out, none of them for training, and the teacher "
            "needs some. Add judgments or lower data.validation_share and data.test_share."
        )
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
    steps, loss = fine_tune(teacher, *_pairs(teacher, training, pins), config)
    teacher.save(folder, backbone=config.encoder)

    validation = judgments.filter(pl.col("split") == "validation")
    metrics: dict[str, Any] = {
        "pairs": len(training),
        "queries": training["query"].n_unique(),
        "steps": steps,
        "last_loss": loss,
        "validation": _validate(teacher, validation, pins),
        "seconds": round(time.monotonic() - started, 1),
    }
    write_json(TeacherLayout(folder).metrics, metrics)
    accuracy = metrics["validation"].get("accuracy")
    return {"pairs": len(training), "steps": steps, "validation_accuracy": accuracy}


def fine_tune(
    teacher: CrossEncoder,
    queries: list[str],
    texts: list[str],
    levels: list[int],
    config: TeacherConfig,
) -> tuple[int, float]:
    """Train a cross-encoder in place with cross entropy.

    Args:
        teacher: the network.
        queries: of N pairs.
        texts: rendered pins of N pairs.
        levels: of N pairs, 1 to 5.
        config: epochs, batch size, learning rate, seed.

    Returns:
        The number of steps and the mean loss over the last tenth of them.
    """
    pairs = teacher.encode(queries, texts)
    lengths = [len(pair["input_ids"]) for pair in pairs]
    target = torch.tensor(levels, device=teacher.model.device) - 1
    random = np.random.default_rng(config.seed)
    batches = [
        batch
        for _ in range(config.epochs)
        for batch in length_buckets(lengths, config.batch_size, random)
    ]
    backbone = list(teacher.model.base_model.parameters())
    known = {id(weight) for weight in backbone}
    new = [weight for weight in teacher.model.parameters() if id(weight) not in known]
    groups = [(backbone, config.learning_rate), (new, config.learning_rate * _NEW_LAYERS)]
    stepper = Stepper(groups, len(batches), config.warmup_share)
    teacher.model.train()
    sizes = [len(batch) for batch in batches]
    losses = []
    for batch in track(
        batches, "fine-tuning the teacher", total=sum(sizes), unit="pairs", weights=sizes
    ):
        logits = teacher.logits([pairs[row] for row in batch])
        losses.append(stepper.step(cross_entropy(logits, target[torch.from_numpy(batch)])))
    teacher.model.eval()
    return len(batches), float(np.mean(losses[-max(1, len(losses) // 10) :]))


def _pairs(
    teacher: CrossEncoder, judgments: pl.DataFrame, pins: pl.DataFrame
) -> tuple[list[str], list[str], list[int]]:
    """Return queries, rendered pins and levels of judgments."""
    judged = pins.join(judgments.select("pin_id").unique(), on="pin_id", how="semi")
    texts = dict(zip(judged["pin_id"], pin_texts(judged, teacher.rendering), strict=True))
    rendered = [texts[pin_id] for pin_id in judgments["pin_id"]]
    return judgments["query"].to_list(), rendered, judgments["level"].to_list()


def _validate(
    teacher: CrossEncoder, validation: pl.DataFrame, pins: pl.DataFrame
) -> dict[str, Any]:
    if validation.is_empty():
        logger.warning("no validation judgments: the teacher's quality was not measured")
        return {"pairs": 0, "reason": "the validation split is empty"}
    queries, texts, levels = _pairs(teacher, validation, pins)
    probabilities = teacher.probabilities(queries, texts, _SCORED_AT_ONCE)
    return level_metrics(levels, probabilities)
