"""One way of training a student, tried on queries that it does not learn from."""

import copy
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor

from pintower.config import Depth, LossName
from pintower.models.scoring_head import LEVELS, ScoringHead
from pintower.models.towers import balanced_inputs
from pintower.models.trainer import Group, train
from pintower.models.trainer import Plan as TrainingPlan
from pintower.models.tuning.batches import grouped_batches
from pintower.models.tuning.blending import Weights, blend, trained_weights
from pintower.models.tuning.depths import frozen_backbones, open_towers
from pintower.models.tuning.learner import Examples, Learner, Pooled
from pintower.models.watch import Outcome

__all__ = [
    "CHECKPOINTS",
    "SHARES",
    "Parts",
    "Plan",
    "Trial",
    "build_learner",
    "finished",
    "learner_groups",
    "try_plan",
]

SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of the way from the start to the end of a training that are tried."""

_WARMUP = 0.1
CHECKPOINTS = 4
"""Of a training; a killed one loses what came after the last."""


@dataclass(frozen=True)
class Plan:
    """A way of training.

    Attributes:
        depth: what is trained.
        soft: whether the teacher's labels are learned from too.
        human_share: of the pairs of an epoch, where soft labels are.
        temperature: of the soft labels.
        learning_rate: of the backbones.
        head_learning_rate: of projections and scoring head.
        pairs: an epoch, at most.
        epochs: passes over the pairs.
        batch_size: pairs a step.
        losses: weight of each loss.
    """

    depth: Depth
    soft: bool
    human_share: float
    temperature: float
    learning_rate: float
    head_learning_rate: float
    pairs: int
    epochs: int
    batch_size: int
    losses: Mapping[LossName, float]


@dataclass(frozen=True)
class Parts:
    """What training starts from.

    Attributes:
        query_encoder: with its projection.
        pin_encoder: with its projection.
        heads: scoring heads fitted to all judgments, one of each width, the full one first.
        fold_heads: for each fold, those fitted to the other folds.
        one: both backbones are the same encoder.
        pooled: pooled texts of both backbones as they are at the start.
        bf16: multiply in bfloat16 where the device can.
    """

    query_encoder: SentenceTransformer
    pin_encoder: SentenceTransformer
    heads: Sequence[ScoringHead]
    fold_heads: Mapping[int, Sequence[ScoringHead]]
    one: bool
    pooled: Pooled
    bf16: bool


@dataclass(frozen=True)
class Trial:
    """What training by a plan came to.

    Attributes:
        logits: for each share of :data:`SHARES`, of the held-out pairs by each head, FP32
            [W, H, 5].
        weights: before and after, where one fold alone is held out.
        curve: mean loss of stretches of steps, of the first fold.
    """

    logits: Mapping[float, Tensor]
    weights: tuple[Weights, Weights] | None
    curve: Sequence[dict[str, Any]]


def build_learner(
    parts: Parts, examples: Examples, plan: Plan, heads: Sequence[ScoringHead]
) -> Learner:
    """Return a student at its start, with its heads, open to be trained by a plan."""
    query, pin = open_towers(parts.query_encoder, parts.pin_encoder, plan.depth, one=parts.one)
    return Learner(
        query,
        pin,
        [copy.deepcopy(head) for head in heads],
        examples.sharpened(plan.temperature),
        parts.pooled,
        frozen=frozen_backbones(plan.depth),
        losses=plan.losses,
        bf16=parts.bf16,
    )


def try_plan(parts: Parts, examples: Examples, plan: Plan, seed: int, folder: Path) -> Trial:
    """Train by a plan once for each fold, without it; tell what each makes of its own fold.

    Args:
        parts: the start.
        examples: with folds.
        plan: the plan.
        seed: for the order.
        folder: what was trained is kept there, and taken up by a run that comes after a killed one.
    """
    held = np.flatnonzero(examples.human & (examples.fold >= 0))
    logits = {share: torch.zeros(len(parts.heads), len(held), LEVELS) for share in SHARES}
    weights: list[tuple[Weights, Weights]] = []
    curve: list[dict[str, Any]] = []
    for fold in np.unique(examples.fold[held]).tolist():
        learner = build_learner(parts, examples, plan, parts.fold_heads[fold])
        start = trained_weights(learner)
        rows = np.flatnonzero((examples.fold != fold) & (examples.human | plan.soft))
        outcome = _train(learner, rows, plan, seed, folder / f"fold-{fold}")
        curve = curve or outcome.curve
        weights.append((start, trained_weights(learner)))
        of_fold = examples.fold[held] == fold
        for share in SHARES:
            blend(learner, *weights[-1], share)
            logits[share][:, of_fold] = learner.predict(held[of_fold])
    return Trial(logits, weights[0] if len(weights) == 1 else None, curve)


def _train(
    learner: Learner, rows: NDArray[np.int64], plan: Plan, seed: int, folder: Path
) -> Outcome:
    random = np.random.default_rng(seed)
    batches = [
        batch for _ in range(plan.epochs) for batch in _epoch(learner.examples, rows, plan, random)
    ]
    with ExitStack() as stack:
        for head in learner.heads:
            stack.enter_context(balanced_inputs(head))
        return train(
            learner,
            batches,
            lambda batch: {"rows": torch.from_numpy(batch)},
            learner_groups(learner, plan),
            TrainingPlan(_WARMUP, every=-(-len(batches) // CHECKPOINTS), seed=seed),
            folder,
            description=f"training ({plan.depth})",
        )


def learner_groups(learner: Learner, plan: Plan) -> list[Group]:
    """Return the backbones' weights, and the others, with their learning rates."""
    towers = (learner.query_encoder, learner.pin_encoder)
    backbones = {id(weight): weight for tower in towers for weight in _backbone(tower)}
    others = [weight for weight in learner.parameters() if id(weight) not in backbones]
    return [
        Group(list(backbones.values()), plan.learning_rate),
        Group(others, plan.head_learning_rate),
    ]


def finished(
    parts: Parts,
    examples: Examples,
    plan: Plan,
    trial: Trial,
    folder: Path,
    share: float,
    seed: int,
) -> Learner:
    """Return the student that a plan makes, at a share of its way.

    Where several folds were held out in turn, it is trained once more, on all of them.

    Args:
        parts: the start.
        examples: human levels and soft labels.
        plan: the plan.
        trial: what it came to.
        folder: as for :func:`try_plan`.
        share: of the way from the start.
        seed: for the order.
    """
    if trial.weights is not None:
        (heads,) = parts.fold_heads.values()
        learner = build_learner(parts, examples, plan, heads)
        blend(learner, *trial.weights, share)
    else:
        learner = build_learner(parts, examples, plan, parts.heads)
        start = trained_weights(learner)
        _train(learner, np.flatnonzero(examples.human | plan.soft), plan, seed, folder / "all")
        blend(learner, start, trained_weights(learner), share)
    return learner


def _epoch(
    examples: Examples, rows: NDArray[np.int64], plan: Plan, random: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Return an epoch's batches: each soft label once, humans' levels up to their share.

    Where there are more than the plan's pairs, random queries are left out.
    """
    counts = np.bincount(examples.query[rows])
    order = random.permutation(len(counts))
    among = order[np.cumsum(counts[order]) - counts[order] < plan.pairs]
    rows = rows[np.isin(examples.query[rows], among)]
    human, soft = rows[examples.human[rows]], rows[~examples.human[rows]]
    if len(soft) and len(human):
        wanted = round(plan.human_share / (1 - plan.human_share) * len(soft))
        rounds = [random.permutation(human) for _ in range(-(-wanted // len(human)))]
        human = np.concatenate(rounds)[:wanted] if rounds else human[:0]
    chosen = np.concatenate([human, soft])
    batches = grouped_batches(examples.query[chosen], plan.batch_size, random)
    return [chosen[batch] for batch in batches]


def _backbone(tower: SentenceTransformer) -> list[torch.nn.Parameter]:
    return [weight for module in list(tower)[:-2] for weight in module.parameters()]
