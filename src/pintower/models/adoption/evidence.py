"""Judged pairs as a frozen encoder sees them: all that a scoring head is fitted to."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from pintower.data.splits import normal_forms
from pintower.models.scoring_head import ScoringHead
from pintower.models.widths import narrowed

__all__ = ["Evidence", "similarities"]


def similarities(queries: NDArray[np.float32], pins: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the products FP64 [N] of embeddings FP32 [N, D] each: cosines, where they are unit."""
    products: NDArray[np.float64] = np.einsum("nd,nd->n", queries, pins, dtype=np.float64)
    return products


@dataclass(frozen=True)
class Evidence:
    """N judged pairs of Q queries and P pins.

    Attributes:
        texts: the distinct queries, Q.
        queries: their embeddings FP32 [Q, D].
        pins: the distinct pins' embeddings FP32 [P, D].
        query: INT64 [N], each pair's query.
        pin: INT64 [N], each pair's pin.
        matches: match features FP32 [N, F].
        levels: INT64 [N], 1 to 5.
    """

    texts: list[str]
    queries: NDArray[np.float32]
    pins: NDArray[np.float32]
    query: NDArray[np.int64]
    pin: NDArray[np.int64]
    matches: NDArray[np.float32]
    levels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.levels)

    @property
    def width(self) -> int:
        """D of the embeddings."""
        return int(self.queries.shape[1])

    @cached_property
    def similarity(self) -> NDArray[np.float64]:
        """FP64 [N], the product of each pair's embeddings."""
        return similarities(self.queries[self.query], self.pins[self.pin])

    def take(self, rows: NDArray[np.int64]) -> "Evidence":
        """Return some of the pairs; queries and pins stay as they are numbered."""
        return replace(
            self,
            query=self.query[rows],
            pin=self.pin[rows],
            matches=self.matches[rows],
            levels=self.levels[rows],
        )

    def narrowed(self, width: int) -> "Evidence":
        """Return the same pairs with embeddings cut to their first numbers, of length one."""
        queries, pins = (
            narrowed(torch.from_numpy(part), width).numpy() for part in (self.queries, self.pins)
        )
        return replace(self, queries=queries, pins=pins)

    def compact(self) -> "Evidence":
        """Return the same pairs with the queries that they have, numbered without gaps."""
        used, query = np.unique(self.query, return_inverse=True)
        texts = [self.texts[number] for number in used.tolist()]
        return replace(self, texts=texts, queries=self.queries[used], query=query)

    def inputs(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return what a scoring head takes of some pairs: queries, pins, match features."""
        return (
            torch.from_numpy(self.queries[self.query[rows]]),
            torch.from_numpy(self.pins[self.pin[rows]]),
            torch.from_numpy(self.matches[rows]),
        )

    @torch.inference_mode()
    def probabilities(self, head: ScoringHead) -> NDArray[np.float32]:
        """Return a head's level probabilities FP32 [N, 5]."""
        parts = np.array_split(np.arange(len(self)), max(1, len(self) // 4_096))
        rows = [torch.softmax(head(*self.inputs(part)), dim=1).numpy() for part in parts]
        return np.concatenate(rows)

    def folds(self, count: int, seed: int) -> NDArray[np.int64]:
        """Return the fold INT64 [N] of each pair; all writings of a query are in one fold."""
        forms = normal_forms(self.texts)
        numbers = {form: number for number, form in enumerate(dict.fromkeys(forms.values()))}
        fold = np.random.default_rng(seed).permutation(len(numbers)) % count
        of_query = np.array([fold[numbers[forms[text]]] for text in self.texts], dtype=np.int64)
        return of_query[self.query]
