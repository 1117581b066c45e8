"""A student in training: both towers and a scoring head for each width, over numbered pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from pintower.config import LossName
from pintower.models.pairs import Pairs
from pintower.models.pin_inputs import length_batches
from pintower.models.scoring_head import ScoringHead
from pintower.models.towers import Texts, pool, project
from pintower.models.tuning.losses import total_loss
from pintower.models.widths import narrowed

__all__ = ["Examples", "Inputs", "Learner", "Pooled"]

_BATCH_TOKENS = 8_192


@dataclass(frozen=True)
class Inputs:
    """What N pairs of Q queries and P pins are to the student.

    Attributes:
        pairs: which query and which pin each is.
        queries: the distinct queries' texts.
        pins: the distinct pins' texts.
        trained_pins: the same, cut to what training reads of them.
        query_vectors: the queries' feature vectors FP32 [Q, W], if it takes any.
        pin_vectors: the pins' feature vectors FP32 [P, V], if it takes any.
        matches: match features FP32 [N, F].
    """

    pairs: Pairs
    queries: Texts
    pins: Texts
    trained_pins: Texts
    query_vectors: Tensor | None
    pin_vectors: Tensor | None
    matches: Tensor


@dataclass(frozen=True)
class Examples:
    """N pairs with what is to be learned of them.

    Attributes:
        inputs: the pairs.
        targets: FP32 [N, 5], a teacher's probabilities, or a one for a human's level.
        human: BOOL [N], whether a human gave the level.
        fold: INT64 [N], the fold each pair's query is held out in; -1 for none.
    """

    inputs: Inputs
    targets: Tensor
    human: NDArray[np.bool_]
    fold: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.human)

    @property
    def query(self) -> NDArray[np.int64]:
        """INT64 [N], each pair's query."""
        return self.inputs.pairs.query

    @property
    def levels(self) -> NDArray[np.int64]:
        """INT64 [N], the likeliest level."""
        levels: NDArray[np.int64] = self.targets.argmax(dim=1).numpy() + 1
        return levels

    def judgments(self) -> pl.DataFrame:
        """Return the humans' levels: ``query`` and ``level``."""
        texts = self.inputs.pairs.queries
        rows = np.flatnonzero(self.human)
        queries = [texts[query] for query in self.query[rows].tolist()]
        return pl.DataFrame({"query": queries, "level": self.levels[rows]})

    def sharpened(self, temperature: float) -> "Examples":
        """Return them with soft targets of another temperature; humans' levels stay."""
        soft = torch.softmax(self.targets.clamp_min(1e-9).log() / temperature, dim=1)
        human = torch.from_numpy(self.human)[:, None]
        return replace(self, targets=torch.where(human, self.targets, soft))


@dataclass(frozen=True)
class Pooled:
    """Pooled text, as both backbones have it at the start: a frozen one reads each text once.

    Attributes:
        queries: FP32 [Q, H].
        pins: FP32 [P, H].
    """

    queries: Tensor
    pins: Tensor


class Learner(nn.Module):
    """Both towers and the scoring heads; its forward gives the loss of a batch of examples.

    Where there are heads of several widths, each scores the embeddings cut to its own, and the loss
    is the mean over the widths (Kusupati et al. 2022, "Matryoshka Representation Learning").

    Args:
        query_encoder: as :func:`pintower.models.encoders.build_encoder` makes it.
        pin_encoder: likewise.
        heads: a scoring head of each width, the full one first.
        examples: the pairs.
        pooled: of all texts.
        frozen: whether the query encoder's and the pin encoder's backbones stay as they are.
        losses: weight of each loss.
        bf16: run the backbones under bfloat16 autocast.
    """

    def __init__(
        self,
        query_encoder: SentenceTransformer,
        pin_encoder: SentenceTransformer,
        heads: Sequence[ScoringHead],
        examples: Examples,
        pooled: Pooled,
        *,
        frozen: tuple[bool, bool],
        losses: Mapping[LossName, float],
        bf16: bool,
    ) -> None:
        super().__init__()
        self.query_encoder = query_encoder
        self.pin_encoder = pin_encoder
        self.heads = tuple(heads)
        self.scorers = nn.ModuleList(heads)  # the same ones: what is trained
        self.examples = examples
        self.pooled = (
            pooled.queries if frozen[0] else None,
            pooled.pins if frozen[1] else None,
        )
        self.losses = dict(losses)
        self.bf16 = bf16

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.heads[0].match_mean.device

    def train(self, mode: bool = True) -> Self:
        """Leave dropout off: with it the start would not be the untuned encoder."""
        return super().train(False)

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        """Return ``loss`` of examples INT64 [B]."""
        at = rows.cpu()
        logits = self.logits(at.numpy())
        targets = self.examples.targets[at].to(self.device)
        query = torch.from_numpy(self.examples.query[at.numpy()]).to(self.device)
        losses = [total_loss(self.losses, of_width, targets, query) for of_width in logits]
        return {"loss": torch.stack(losses).mean()}

    def logits(self, rows: NDArray[np.int64]) -> Tensor:
        """Return logits FP32 [W, B, 5] of some examples by each head, as training reads them.

        A query or pin is encoded once.
        """
        inputs = self.examples.inputs
        queries, query = np.unique(inputs.pairs.query[rows], return_inverse=True)
        pins, pin = np.unique(inputs.pairs.pin[rows], return_inverse=True)
        asked = self._embed(
            self.query_encoder, inputs.queries, self.pooled[0], inputs.query_vectors, queries
        )
        shown = self._embed(
            self.pin_encoder, inputs.trained_pins, self.pooled[1], inputs.pin_vectors, pins
        )
        matches = inputs.matches[torch.from_numpy(rows)].to(self.device)
        return self._score(
            asked[torch.from_numpy(query).to(self.device)],
            shown[torch.from_numpy(pin).to(self.device)],
            matches,
        )

    @torch.no_grad()
    def predict(self, rows: NDArray[np.int64]) -> Tensor:
        """Return logits FP32 [W, N, 5] of many examples, on the CPU, without gradients."""
        inputs = self.examples.inputs
        sides = (
            (self.query_encoder, inputs.queries, self.pooled[0], inputs.query_vectors,
             inputs.pairs.query[rows]),
            (self.pin_encoder, inputs.pins, self.pooled[1], inputs.pin_vectors,
             inputs.pairs.pin[rows]),
        )  # fmt: skip
        found = []
        for encoder, texts, pooled, vectors, numbers in sides:
            distinct, at = np.unique(numbers, return_inverse=True)
            parts = [
                (batch, self._embed(encoder, texts, pooled, vectors, distinct[batch]))
                for batch in length_batches(texts.lengths(distinct), _BATCH_TOKENS)
            ]
            order = torch.from_numpy(np.concatenate([batch for batch, _ in parts]))
            embeddings = torch.empty_like(torch.cat([made for _, made in parts]))
            embeddings[order] = torch.cat([made for _, made in parts])
            found.append(embeddings[torch.from_numpy(at).to(self.device)])
        matches = inputs.matches[torch.from_numpy(rows)].to(self.device)
        return self._score(found[0], found[1], matches).cpu()

    def _score(self, queries: Tensor, pins: Tensor, matches: Tensor) -> Tensor:
        """Return each head's logits FP32 [W, B, 5], of the embeddings cut to its width."""
        return torch.stack(
            [
                head(narrowed(queries, head.width), narrowed(pins, head.width), matches)
                for head in self.heads
            ]
        )

    def _embed(
        self,
        encoder: SentenceTransformer,
        texts: Texts,
        pooled: Tensor | None,
        vectors: Tensor | None,
        rows: NDArray[np.int64],
    ) -> Tensor:
        at = torch.from_numpy(rows)
        if pooled is not None:
            text = pooled[at].to(self.device)
        else:
            text = pool(encoder, *texts.tokens(rows, self.device), self.bf16)
        return project(encoder, text, None if vectors is None else vectors[at].to(self.device))
