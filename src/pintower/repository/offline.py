"""The release without a server: the same tokenizer, graphs and snapshot, in this process."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pintower.models.layout import read_rendering
from pintower.models.onnx_session import (
    GraphEncoder,
    GraphScorer,
    OnnxGraph,
    Scores,
    open_built_graph,
)
from pintower.models.query_vectors import QueryVectors
from pintower.models.tokenization import open_tokenizer
from pintower.repository.interfaces import SERVED_GRAPHS
from pintower.repository.parts import Parts, open_snapshot
from pintower.repository.wire import texts
from pintower.serving.runtime_session import RuntimeSession
from pintower.snapshot import Snapshot
from pintower.text.rendering import Rendering, decode, normalize_query, render_query

__all__ = ["OfflineRelease", "open_offline", "open_reference"]


@dataclass(frozen=True)
class OfflineRelease:
    """What the ensembles compute, step by step.

    Attributes:
        encoder: the query encoder.
        scorer: the scorer.
        snapshot: the pins.
        rendering: of queries.
        vectors: feature vectors of queries, where the encoder takes them.
        runtime: version of the ONNX Runtime that runs the graphs.
    """

    encoder: GraphEncoder
    scorer: GraphScorer
    snapshot: Snapshot
    rendering: Rendering
    vectors: QueryVectors | None
    runtime: str

    def token_ids(self, query: bytes) -> list[int]:
        """Return the ids the query encoder gets for a query of any bytes."""
        text = render_query(decode(query), self.rendering)
        ids: list[int] = self.encoder.tokenizer.encode(text).ids
        return ids

    def encoder_inputs(self, query: bytes) -> dict[str, NDArray[Any]]:
        """Return what the encoder's graph takes of a query, a row of each input by its name."""
        rendered = render_query(decode(query), self.rendering)
        rows = self.encoder.inputs([rendered], self.query_features(query))
        names = [tensor.name for tensor in self.encoder.graph.contract.inputs]
        return {name: array[0] for name, array in zip(names, rows, strict=True)}

    def query_inputs(self, query: bytes) -> dict[str, NDArray[Any]]:
        """Return what a client sends of a query to any of the ensembles."""
        inputs: dict[str, NDArray[Any]] = {"QUERY": texts(query, shape=(1, 1))}
        if (vector := self.query_features(query)) is not None:
            inputs["QUERY_FEATURES"] = vector
        return inputs

    def query_features(self, query: bytes) -> NDArray[np.float32] | None:
        """Return a query's feature vectors FP32 [1, Q], where the encoder takes them."""
        return None if self.vectors is None else self.vectors.matrix([decode(query)])

    def embed(self, query: bytes) -> NDArray[np.float32]:
        """Return a query's embedding FP32 [1, D]."""
        rendered = render_query(decode(query), self.rendering)
        return self.encoder.embed([rendered], self.query_features(query))

    def features(
        self, query: bytes, pin_ids: Sequence[bytes]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return pin embeddings FP32 [N, D] and match features FP32 [N, F]."""
        return self.snapshot.features(normalize_query(decode(query), self.rendering), pin_ids)

    def score(self, query: bytes, pin_ids: Sequence[bytes]) -> Scores:
        """Return what ``relevance`` has to answer."""
        return self.scorer.score(self.embed(query), *self.features(query, pin_ids))


def open_offline(parts: Parts, data: Path | None = None) -> OfflineRelease:
    """Open the parts a repository is built from.

    Args:
        parts: all of them.
        data: the data stage's folder, for feature vectors of queries.

    Raises:
        RepositoryError: if a graph is not the one that passed its gates, or the snapshot does not
            belong to the graphs.
    """
    rendering = read_rendering(parts.rendering)
    tokenizer = open_tokenizer(parts.tokenizer, rendering.query_max_tokens)
    encoder, scorer = (
        open_built_graph(parts.graphs, parts.contract, name) for name in SERVED_GRAPHS
    )
    return OfflineRelease(
        encoder=GraphEncoder(encoder, tokenizer),
        scorer=GraphScorer(scorer),
        snapshot=open_snapshot(parts),
        rendering=rendering,
        vectors=QueryVectors.of_release(data, parts.contract),
        runtime=onnxruntime.__version__,
    )


@contextmanager
def open_reference(offline: OfflineRelease, parts: Parts, python: Path) -> Iterator[OfflineRelease]:
    """Give the same release with its graphs run by another environment's ONNX Runtime.

    Args:
        offline: the release in this process.
        parts: that it was opened from.
        python: interpreter of the server environment.

    Raises:
        SetupError: if that ONNX Runtime cannot load a graph.
    """
    contract = parts.contract
    with ExitStack() as stack:
        encoder, scorer = (
            stack.enter_context(
                RuntimeSession(
                    python,
                    parts.graphs / contract.graphs[name].file,
                    contract.target.threads[name],
                )
            )
            for name in SERVED_GRAPHS
        )
        yield replace(
            offline,
            encoder=replace(
                offline.encoder, graph=OnnxGraph(contract.graphs["query_encoder"], encoder)
            ),
            scorer=GraphScorer(OnnxGraph(contract.graphs["scorer"], scorer)),
            runtime=encoder.version,
        )
