"""What other embeddings of the same pins would do to their scores."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pintower.contracts import Contract
from pintower.models.layout import StudentLayout
from pintower.models.onnx_session import GraphEncoder, GraphScorer, open_built_graph
from pintower.models.tokenization import load_tokenizer
from pintower.pins.columns import SNAPSHOT_COLUMNS, embedding_matrix, forward_index
from pintower.pins.store import PinStore
from pintower.snapshot import hash_ids
from pintower.text.match_features import match_features
from pintower.text.rendering import render_query

__all__ = ["SCORED_COLUMNS", "ScoredSample", "draw_rows"]

SCORED_COLUMNS = (*SNAPSHOT_COLUMNS, "title")
"""What scoring takes of the store."""

_PINS = 1_000
_QUERIES = 50


@dataclass(frozen=True)
class ScoredSample:
    """Pins of a store, and queries they are scored for: some of the pins' own titles.

    Attributes:
        embeddings: of P pins, FP32 [P, D].
        queries: embeddings of Q queries, FP32 [Q, D].
        matches: match features of every query with every pin, FP32 [Q, P, F].
        scorer: the exported scorer.
    """

    embeddings: NDArray[np.float32]
    queries: NDArray[np.float32]
    matches: NDArray[np.float32]
    scorer: GraphScorer

    @classmethod
    def of(cls, rows: pa.Table, student: Path, export: Path) -> "ScoredSample":
        """Return a sample of some rows of a store, with :data:`SCORED_COLUMNS`.

        Raises:
            StudentError: if the student folder is not complete.
            RepositoryError: if the export folder is not as its contract says.
        """
        contract, layout = Contract.load(export / "contract.json"), StudentLayout(student)
        rendering, statistics = layout.load_rendering(), layout.load_statistics()
        tokenizer = load_tokenizer(layout.query_encoder, rendering.query_max_tokens)
        graph = open_built_graph(export, contract, "query_encoder")
        titles = [title for title in rows["title"].to_pylist() if title][:_QUERIES] or [""]
        width = contract.symbols["Q"]
        embedded = GraphEncoder(graph, tokenizer).embed(
            [render_query(title, rendering) for title in titles],
            np.zeros((len(titles), width), np.float32) if width else None,
        )
        index = forward_index(rows)
        every = np.arange(len(rows))
        return cls(
            embeddings=embedding_matrix(rows),
            queries=embedded,
            matches=np.stack([match_features(t, index, every, statistics) for t in titles]),
            scorer=GraphScorer(open_built_graph(export, contract, "scorer")),
        )

    def changes(self, given: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return by how much other embeddings move every score, FP32 [Q, P], in levels.

        Args:
            given: of the same pins, FP32 [P, D].
        """
        return np.stack(
            [
                np.abs(self._scores(query, matches, given) - self._scores(query, matches))
                for query, matches in zip(self.queries, self.matches, strict=True)
            ]
        )

    def _scores(
        self,
        query: NDArray[np.float32],
        matches: NDArray[np.float32],
        given: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        pins = self.embeddings if given is None else given
        return self.scorer.score(query[None], pins, matches).score


def draw_rows(store: PinStore) -> pa.Table:
    """Return some pins of a store, by the hashes of their ids: a new pin moves at most one."""
    kept = np.zeros((2, 0), np.uint64)
    first = 0
    for batch in store.batches(["pin_id", "deleted"]):
        if not len(batch):
            continue
        ids = np.array([pin_id.encode() for pin_id in batch["pin_id"].to_pylist()])
        rows = np.arange(first, first + len(ids), dtype=np.uint64)
        live = ~batch["deleted"].to_numpy(zero_copy_only=False)
        found = np.concatenate([kept, np.stack([hash_ids(ids), rows])[:, live]], axis=1)
        kept = found[:, np.argsort(found[0], kind="stable")[:_PINS]]
        first += len(ids)
    rows = store.take(kept[1].astype(np.int64), SCORED_COLUMNS)
    finite = np.isfinite(embedding_matrix(rows)).all(axis=1)
    return rows.filter(pa.array(finite)).combine_chunks()
