"""Fine-tuning a cross-encoder on levels, with an eye on held-out queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from pintower.config import TeacherConfig
from pintower.metrics.ranking import ndcg, per_query
from pintower.models.cross_encoder import CrossEncoder, Encoding
from pintower.models.optimization import Stepper
from pintower.models.pairs import Pairs
from pintower.models.pin_inputs import pin_texts
from pintower.models.scoring_head import LEVELS, expected_level
from pintower.models.tuning.batches import grouped_batches
from pintower.models.tuning.losses import total_loss
from pintower.progress import track

__all__ = ["HeldOut", "Task", "Tuned", "fine_tune"]

_SCORED_AT_ONCE = 128
_DIGITS = 6
"""Of nDCG@20: where they are the same, the log loss decides."""


@dataclass(frozen=True)
class Task:
    """N judged pairs as the network reads them.

    Attributes:
        encoded: tokens of each pair.
        query: INT64 [N], each pair's query.
        levels: INT64 [N], 1 to 5.
        start: logits FP32 [N, 5] that the network's own are added to.
    """

    encoded: list[Encoding]
    query: NDArray[np.int64]
    levels: NDArray[np.int64]
    start: Tensor

    @classmethod
    def of(
        cls,
        teacher: CrossEncoder,
        pairs: Pairs,
        levels: NDArray[np.int64],
        start: NDArray[np.float32],
    ) -> "Task":
        """Return the pairs in a teacher's tokens."""
        texts = pin_texts(pairs.pins, teacher.rendering)
        queries = [pairs.queries[query] for query in pairs.query]
        encoded = teacher.encode(queries, [texts[pin] for pin in pairs.pin])
        return cls(encoded, pairs.query, levels, torch.from_numpy(start))


@dataclass(frozen=True)
class HeldOut:
    """The pairs of a task that nothing is learned from.

    Attributes:
        rows: INT64 [H].
        group: INT64 [H], their queries, numbered from 0.
        levels: INT64 [H].
    """

    rows: NDArray[np.int64]
    group: NDArray[np.int64]
    levels: NDArray[np.int64]

    @classmethod
    def of(cls, task: Task, rows: NDArray[np.int64]) -> "HeldOut":
        """Return some pairs of a task."""
        group = np.unique(task.query[rows], return_inverse=True)[1].astype(np.int64)
        return cls(rows, group, task.levels[rows])

    def measure(self, logits: Tensor) -> tuple[float, float]:
        """Return the mean nDCG@20 and the log loss of logits FP32 [H, 5]."""
        scores = expected_level(torch.softmax(logits.double(), dim=1)).numpy()
        ranked = float(per_query(ndcg, self.group, self.levels, scores).mean())
        return ranked, float(cross_entropy(logits, torch.from_numpy(self.levels) - 1))


@dataclass(frozen=True)
class Tuned:
    """What a fine-tuning came to.

    Attributes:
        steps: taken.
        best: the step whose weights were kept; 0 where none was better than the start.
        last_loss: mean over the last tenth of the steps.
        checks: step and nDCG@20 and log loss of each look at the held-out queries.
        logits: of the held-out pairs by the weights kept, FP32 [H, 5].
    """

    steps: int
    best: int
    last_loss: float
    checks: list[dict[str, Any]]
    logits: Tensor


def fine_tune(
    teacher: CrossEncoder,
    task: Task,
    rows: NDArray[np.int64],
    held_out: HeldOut,
    config: TeacherConfig,
) -> Tuned:
    """Train a cross-encoder in place; leave it with the weights that did best held out.

    Its classification layer starts at zero where the teacher has a start, so that step 0 is it.
    Without held-out pairs the last weights are kept.

    Args:
        teacher: the network.
        task: all pairs.
        rows: INT64 [N], those to learn from.
        held_out: those to look at.
        config: losses, epochs, batch size, rates, checks, seed.
    """
    new = _new_weights(teacher.model)
    if teacher.start is not None:
        _silence(teacher.model)
    random = np.random.default_rng(config.seed)
    batches = [
        rows[batch]
        for _ in range(config.epochs)
        for batch in grouped_batches(task.query[rows], config.batch_size, random)
    ]
    known = {id(weight) for weight in new}
    backbone = [weight for weight in teacher.model.parameters() if id(weight) not in known]
    groups = [(backbone, config.learning_rate), (new, config.head_learning_rate)]
    stepper = Stepper(groups, len(batches), config.warmup_share)
    targets = one_hot(torch.from_numpy(task.levels) - 1, LEVELS).float()
    watch = _Watch(teacher, task, held_out)
    due = {round(len(batches) * (at + 1) / config.checks) for at in range(config.checks)}
    losses: list[float] = []
    sizes = [len(batch) for batch in batches]
    for batch in track(
        batches, "fine-tuning the teacher", total=sum(sizes), unit="pairs", weights=sizes
    ):
        teacher.model.train()
        device = teacher.model.device
        at = torch.from_numpy(batch)
        logits = teacher.logits([task.encoded[row] for row in batch]) + task.start[at].to(device)
        query = torch.from_numpy(task.query[batch]).to(device)
        loss = total_loss(config.losses, logits, targets[at].to(device), query)
        losses.append(stepper.step(loss))
        if len(losses) in due and watch.look(len(losses)) >= config.patience:
            break
    watch.restore()
    teacher.model.eval()
    tail = losses[-max(1, len(losses) // 10) :]
    return Tuned(len(losses), watch.best, float(np.mean(tail)), watch.checks, watch.logits)


class _Watch:
    """Looks at held-out pairs now and then and keeps the weights that did best."""

    def __init__(self, teacher: CrossEncoder, task: Task, held_out: HeldOut) -> None:
        self.teacher = teacher
        self.held_out = held_out
        self.encoded = [task.encoded[row] for row in held_out.rows]
        self.start = task.start[torch.from_numpy(held_out.rows)]
        self.checks: list[dict[str, Any]] = []
        self.best, self.worse = 0, 0
        self.reached = (-np.inf, -np.inf)
        self.logits = self.start
        self.kept: dict[str, Tensor] = {}
        if teacher.start is not None:
            self.look(0)

    def look(self, step: int) -> int:
        """Measure; return how many looks in turn were no better than the best."""
        if not len(self.encoded):
            return 0
        logits = self.teacher.all_logits(self.encoded, _SCORED_AT_ONCE) + self.start
        ranked, loss = self.held_out.measure(logits)
        self.checks.append({"step": step, "ndcg@20": ranked, "log_loss": loss})
        if (reached := (round(ranked, _DIGITS), -loss)) > self.reached:
            weights = self.teacher.model.state_dict()
            self.kept = {name: weight.detach().clone() for name, weight in weights.items()}
            self.best, self.reached, self.worse, self.logits = step, reached, 0, logits
        else:
            self.worse += 1
        return self.worse

    def restore(self) -> None:
        """Put the kept weights back."""
        if self.kept:
            self.teacher.model.load_state_dict(self.kept)


def _new_weights(model: Any) -> list[nn.Parameter]:
    """Return the weights of a classifier that its backbone does not have."""
    known = {id(weight) for weight in model.base_model.parameters()}
    return [weight for weight in model.parameters() if id(weight) not in known]


@torch.no_grad()
def _silence(model: Any) -> None:
    """Set the last layer of a classifier, the one that gives the levels, to zero."""
    layers: Sequence[nn.Linear] = [
        module
        for module in model.modules()
        if isinstance(module, nn.Linear) and module.out_features == LEVELS
    ]
    for weight in layers[-1].parameters():
        weight.zero_()
