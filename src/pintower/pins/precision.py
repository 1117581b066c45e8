"""The precision of a snapshot: the first of a list whose scores stay close enough to fp32's."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pintower.contracts import Contract
from pintower.gates import Gate, gate
from pintower.models.layout import StudentLayout
from pintower.models.onnx_session import GraphEncoder, GraphScorer, open_built_graph
from pintower.models.tokenization import load_tokenizer
from pintower.pins.columns import SNAPSHOT_COLUMNS, embedding_matrix, forward_index
from pintower.pins.store import PinStore
from pintower.snapshot import Precision
from pintower.snapshot.precision import reduce_rows, restore_rows
from pintower.text.match_features import match_features
from pintower.text.rendering import render_query

__all__ = ["ScoredSample", "choose_precision"]

logger = logging.getLogger(__name__)

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
    def draw(cls, store: PinStore, student: Path, export: Path) -> "ScoredSample":
        """Draw pins from a finished store, always the same for its rows' number.

        Raises:
            StudentError: if the student folder is not complete.
            RepositoryError: if the export folder is not as its contract says.
        """
        contract, layout = Contract.load(export / "contract.json"), StudentLayout(student)
        rendering, statistics = layout.load_rendering(), layout.load_statistics()
        tokenizer = load_tokenizer(layout.query_encoder, rendering.query_max_tokens)
        graph = open_built_graph(export, contract, "query_encoder")
        rows = _sample(store)
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

    def score_error(self, precision: Precision) -> float:
        """Return the largest difference of any score from that with fp32 embeddings, in levels."""
        kept = restore_rows(*reduce_rows(self.embeddings, precision))
        worst = 0.0
        for query, matches in zip(self.queries, self.matches, strict=True):
            wanted, given = (
                self.scorer.score(query[None], pins, matches).score
                for pins in (self.embeddings, kept)
            )
            worst = max(worst, float(np.abs(wanted - given).max(initial=0.0)))
        return worst


def choose_precision(
    sample: ScoredSample, precisions: Sequence[Precision], limit: float
) -> tuple[Precision, list[Gate]]:
    """Return the first precision whose score error is within a limit, and its gate.

    Args:
        sample: what is scored.
        precisions: in the order they are wanted.
        limit: largest difference of a score, in levels.

    Returns:
        The precision, the last of the list where none is exact enough, and a gate, which then
        failed.
    """
    refused: dict[str, float] = {}
    for precision in precisions:
        error = sample.score_error(precision)
        if error <= limit:
            break
        refused[precision] = error
        logger.warning(
            "a snapshot in %s moves a score by %.3g levels, allowed are %.3g",
            precision, error, limit,
        )  # fmt: skip
    detail = {
        "precision": precision,
        "wanted": list(precisions),
        "refused": refused,
        "pins": len(sample.embeddings),
        "queries": len(sample.queries),
    }
    return precision, [gate("snapshot.score_max_abs", error, limit, unit="levels", detail=detail)]


def _sample(store: PinStore) -> pa.Table:
    held = store.dataset.count_rows()
    drawn = np.random.default_rng(13).choice(held, min(2 * _PINS, held), replace=False)
    columns = [*SNAPSHOT_COLUMNS, "title", "deleted"]
    rows = store.dataset.take(np.sort(drawn), columns=columns)
    rows = rows.filter(pc.invert(rows["deleted"]))[:_PINS]
    finite = np.isfinite(embedding_matrix(rows)).all(axis=1)
    return rows.filter(pa.array(finite)).combine_chunks()
