"""Learning soft labels with two towers and a scoring head."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.nn.functional import cross_entropy

from pintower.config import StudentConfig
from pintower.models.optimization import Stepper
from pintower.models.pairs import Pairs
from pintower.models.scoring_head import ScoringHead
from pintower.models.towers import Texts, balanced_inputs, pool, project
from pintower.progress import track

__all__ = ["Examples", "Learner", "distil", "grouped_batches"]

_GROUP = 8
"""Pairs of one query that stay together in a batch."""


@dataclass(frozen=True)
class Examples:
    """N labelled pairs.

    Attributes:
        pairs: which query and which pin each is.
        match_features: FP32 [N, F], as computed.
        targets: FP32 [N, 5], the teacher's probabilities, or a one for a human's level.
    """

    pairs: Pairs
    match_features: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Learner:
    """The student in training.

    Attributes:
        query_encoder: with its projection.
        pin_encoder: with its projection.
        head: the scoring head.
        queries: the distinct queries' texts.
        pins: the distinct pins' texts.
        query_vectors: the queries' feature vectors FP32 [Q, W], if it takes any.
        vectors: the pins' feature vectors FP32 [P, V], if it takes any.
        pooled_pins: the pins' pooled text FP32 [P, H] if the pin encoder's backbone is frozen.
        bf16: run the backbones under bfloat16 autocast.
    """

    query_encoder: SentenceTransformer
    pin_encoder: SentenceTransformer
    head: ScoringHead
    queries: Texts
    pins: Texts
    query_vectors: Tensor | None
    vectors: Tensor | None
    pooled_pins: Tensor | None
    bf16: bool

    def logits(self, examples: Examples, rows: NDArray[np.int64]) -> Tensor:
        """Return logits FP32 [B, 5] of some examples; a query or pin is encoded once."""
        device = examples.targets.device
        queries, query = np.unique(examples.pairs.query[rows], return_inverse=True)
        pins, pin = np.unique(examples.pairs.pin[rows], return_inverse=True)
        at = torch.from_numpy(pins).to(device)
        tokens = self.queries.tokens(queries, device)
        asked = torch.from_numpy(queries).to(device)
        query_embeddings = project(
            self.query_encoder,
            pool(self.query_encoder, *tokens, self.bf16),
            None if self.query_vectors is None else self.query_vectors[asked],
        )
        if self.pooled_pins is not None:
            pooled = self.pooled_pins[at]
        else:
            pooled = pool(self.pin_encoder, *self.pins.tokens(pins, device), self.bf16)
        vectors = None if self.vectors is None else self.vectors[at]
        pin_embeddings = project(self.pin_encoder, pooled, vectors)
        logits: Tensor = self.head(
            query_embeddings[torch.from_numpy(query).to(device)],
            pin_embeddings[torch.from_numpy(pin).to(device)],
            examples.match_features[torch.from_numpy(rows).to(device)],
        )
        return logits


def grouped_batches(
    query: NDArray[np.int64], batch_size: int, random: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Return positions in batches in which a query's pairs come several together.

    Args:
        query: INT64 [N], each pair's query.
        batch_size: pairs a batch; the last one may hold fewer.
        random: for the order.
    """
    shuffled = random.permutation(len(query))
    order = shuffled[np.argsort(query[shuffled], kind="stable")]
    borders = np.cumsum(np.bincount(query))[:-1]
    groups = [
        part[start : start + _GROUP]
        for part in np.split(order, borders)
        for start in range(0, len(part), _GROUP)
    ]
    mixed = [groups[number] for number in random.permutation(len(groups))]
    flat = np.concatenate(mixed) if mixed else np.zeros(0, dtype=np.int64)
    return [flat[start : start + batch_size] for start in range(0, len(flat), batch_size)]


def distil(learner: Learner, examples: Examples, config: StudentConfig) -> list[float]:
    """Train in place by cross entropy to the targets; return the loss of each step.

    Minimizing it minimizes the Kullback-Leibler divergence from the teacher's probabilities, as in
    Hinton, Vinyals & Dean (2015), "Distilling the Knowledge in a Neural Network", at temperature 1.
    """
    random = np.random.default_rng(config.seed)
    batches = [
        batch
        for _ in range(config.epochs)
        for batch in grouped_batches(examples.pairs.query, config.batch_size, random)
    ]
    sizes = [len(batch) for batch in batches]
    losses = []
    towers = (learner.query_encoder, learner.pin_encoder)
    learner.query_encoder.train()
    learner.pin_encoder.train()
    with balanced_inputs(learner.head):
        backbones = [(tower[0].parameters(), config.learning_rate) for tower in towers]
        others = [*list(towers[0])[2:], *list(towers[1])[2:], learner.head.train()]
        rest = [weight for module in others for weight in module.parameters()]
        groups = [*backbones, (rest, config.head_learning_rate)]
        stepper = Stepper(groups, len(batches), config.warmup_share)
        for batch in track(
            batches, "distilling the student", total=sum(sizes), unit="pairs", weights=sizes
        ):
            targets = examples.targets[torch.from_numpy(batch).to(examples.targets.device)]
            losses.append(stepper.step(cross_entropy(learner.logits(examples, batch), targets)))
    for module in (*towers, learner.head):
        module.eval()
    return losses
