"""Fine-tuning a cross-encoder on levels, with an eye on held-out queries."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import one_hot

from pintower.config import TeacherConfig
from pintower.models.cross_encoder import CrossEncoder, Encoding
from pintower.models.held_out import HeldOut, Settled
from pintower.models.pairs import Pairs
from pintower.models.pin_inputs import pin_texts
from pintower.models.scoring_head import LEVELS
from pintower.models.trainer import Group, Plan, layer_groups, train
from pintower.models.tuning.batches import grouped_batches
from pintower.models.tuning.losses import total_loss
from pintower.models.watch import Outcome

__all__ = ["Task", "TeacherLearner", "Tuned", "fine_tune", "teacher_groups"]

_SCORED_AT_ONCE = 128
_DIGITS = 6
"""Of nDCG@20: where they are the same, the log loss decides."""
_MOST_LOSS = 9.0


@dataclass(frozen=True)
class Task:
    """N judged pairs as the network reads them.

    Attributes:
        encoded: tokens of each pair.
        query: INT64 [N], each pair's query.
        levels: INT64 [N], 1 to 5.
        start: logits FP32 [N, 5] that the network's own are added to; None where it starts from
            nothing.
    """

    encoded: list[Encoding]
    query: NDArray[np.int64]
    levels: NDArray[np.int64]
    start: Tensor | None

    @classmethod
    def of(
        cls,
        teacher: CrossEncoder,
        pairs: Pairs,
        levels: NDArray[np.int64],
        start: NDArray[np.float32] | None,
    ) -> "Task":
        """Return the pairs in a teacher's tokens."""
        texts = pin_texts(pairs.pins, teacher.rendering)
        queries = [pairs.queries[query] for query in pairs.query]
        encoded = teacher.encode(queries, [texts[pin] for pin in pairs.pin])
        given = None if start is None else torch.from_numpy(start)
        return cls(encoded, pairs.query, levels, given)

    def held_out(self, rows: NDArray[np.int64]) -> HeldOut:
        """Return some of the pairs to measure on."""
        group = np.unique(self.query[rows], return_inverse=True)[1].astype(np.int64)
        start = None if self.start is None else self.start[torch.from_numpy(rows)]
        return HeldOut(group, self.levels[rows], start)


@dataclass(frozen=True)
class Tuned:
    """What a fine-tuning came to.

    Attributes:
        teacher: with the weights, their share and the temperature that did best.
        outcome: steps, the nDCG@20 of each check, losses.
        settled: what the teacher makes of the held-out pairs; None without any.
    """

    teacher: CrossEncoder
    outcome: Outcome
    settled: Settled | None


def fine_tune(
    teacher: CrossEncoder,
    task: Task,
    rows: NDArray[np.int64],
    held: NDArray[np.int64],
    config: TeacherConfig,
    folder: Path,
) -> Tuned:
    """Train a cross-encoder in place; leave it with the weights that did best held out.

    Its classification layer starts at zero where the teacher has a start, so that step 0 is it.
    Without held-out pairs the last weights are kept.

    Args:
        teacher: the network.
        task: all pairs.
        rows: INT64 [N], those to learn from.
        held: INT64 [H], those to look at.
        config: losses, epochs, batch size, rates, checks, seed.
        folder: for checkpoints, see :func:`pintower.models.trainer.train`.
    """
    last = _last_layer(teacher.model)
    if task.start is not None:
        _scale(last, 0.0)
    random = np.random.default_rng(config.seed)
    batches = [
        rows[batch]
        for _ in range(config.epochs)
        for batch in grouped_batches(task.query[rows], config.batch_size, random)
    ]
    held_out, encoded = task.held_out(held), [task.encoded[row] for row in held]

    def settle() -> Settled:
        return held_out.settle(teacher.all_logits(encoded, _SCORED_AT_ONCE))

    def value() -> float:
        found = settle()
        tie = min(found.loss, _MOST_LOSS) * 10.0 ** -(_DIGITS + 1)
        return round(found.ndcg, _DIGITS) - tie

    outcome = train(
        TeacherLearner(teacher, task, config),
        batches,
        lambda batch: {"rows": torch.from_numpy(batch)},
        teacher_groups(teacher.model, config),
        Plan(
            warmup_share=config.warmup_share,
            every=-(-len(batches) // config.checks),
            patience=config.patience,
            seed=config.seed,
        ),
        folder,
        evaluate=value if encoded else None,
        description="fine-tuning the teacher",
    )
    if not encoded:
        return Tuned(teacher, outcome, None)
    settled = settle()
    _scale(last, settled.share)
    return Tuned(replace(teacher, temperature=settled.temperature), outcome, settled)


class TeacherLearner(nn.Module):
    """A cross-encoder over numbered pairs; its forward gives the loss of a batch."""

    def __init__(self, teacher: CrossEncoder, task: Task, config: TeacherConfig) -> None:
        super().__init__()
        self.model = teacher.model
        self.teacher = teacher
        self.task = task
        self.losses = config.losses
        self.targets = one_hot(torch.from_numpy(task.levels) - 1, LEVELS).float()

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        """Return ``loss`` of pairs INT64 [B]."""
        at = rows.cpu()
        logits = self.teacher.logits([self.task.encoded[row] for row in at.tolist()])
        if self.task.start is not None:
            logits = logits + self.task.start[at].to(logits.device)
        query = torch.from_numpy(self.task.query)[at].to(logits.device)
        targets = self.targets[at].to(logits.device)
        return {"loss": total_loss(self.losses, logits, targets, query)}


def teacher_groups(model: Any, config: TeacherConfig) -> list[Group]:
    """Return the backbone's layers, and the layers that only the classifier has."""
    known = {id(weight) for weight in model.base_model.parameters()}
    new = [weight for weight in model.parameters() if id(weight) not in known]
    backbone = layer_groups(model.base_model, config.learning_rate, config.layer_decay)
    return [*backbone, Group(new, config.head_learning_rate)]


def _last_layer(model: Any) -> nn.Linear:
    """Return the layer of a classifier that gives the levels."""
    layers: Sequence[nn.Linear] = [
        module
        for module in model.modules()
        if isinstance(module, nn.Linear) and module.out_features == LEVELS
    ]
    return layers[-1]


@torch.no_grad()
def _scale(layer: nn.Linear, factor: float) -> None:
    for weight in layer.parameters():
        weight.mul_(factor)
