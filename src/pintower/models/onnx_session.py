"""Running a built graph in ONNX Runtime, with the contract's names and nothing typed twice."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as errors
from tokenizers import Encoding, Tokenizer

from pintower.artifacts import hash_file
from pintower.contracts import Contract, GraphContract
from pintower.errors import RepositoryError
from pintower.models.pin_inputs import length_batches
from pintower.models.scores import Scores
from pintower.models.tokenization import pad_tokens
from pintower.text.token_ids import id_rows

__all__ = [
    "RUN_ERRORS",
    "GraphEncoder",
    "GraphScorer",
    "OnnxGraph",
    "Scores",
    "open_built_graph",
    "open_graph",
]

RUN_ERRORS = (
    errors.Fail,
    errors.InvalidArgument,
    errors.InvalidGraph,
    errors.InvalidProtobuf,
    errors.NoSuchFile,
    errors.NotImplemented,
    errors.RuntimeException,
)
"""What ONNX Runtime raises when it cannot load or run a graph; they share no base of their own."""


_TOKENIZED = 1_024
"""Texts that a thread tokenizes at once."""


@dataclass(frozen=True)
class OnnxGraph:
    """A graph loaded in ONNX Runtime."""

    contract: GraphContract
    session: ort.InferenceSession

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the outputs in the contract's order, of inputs in the contract's order."""
        feeds = {
            tensor.name: array for tensor, array in zip(self.contract.inputs, inputs, strict=True)
        }
        outputs: list[NDArray[Any]] = self.session.run(
            [tensor.name for tensor in self.contract.outputs], feeds
        )
        return outputs


def open_graph(path: Path, contract: GraphContract, *, threads: int = 1) -> OnnxGraph:
    """Load an ONNX file on the CPU.

    Args:
        path: of the file.
        contract: what it takes and gives.
        threads: inside one operator; 0 takes every core.

    Raises:
        RepositoryError: if ONNX Runtime cannot load it.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except RUN_ERRORS as error:
        raise RepositoryError(
            f"ONNX Runtime {ort.__version__} cannot load {path}: {error}"
        ) from error
    return OnnxGraph(contract, session)


def open_built_graph(folder: Path, contract: Contract, name: str, *, threads: int = 1) -> OnnxGraph:
    """Load one of an export folder's graphs after checking that it is the file that was gated.

    Raises:
        RepositoryError: if the file is absent or another than its contract says.
    """
    built = contract.graphs[name]
    path = folder / built.file
    if not path.is_file():
        raise RepositoryError(f"{folder} has no {built.file}, which its contract names.")
    if (actual := hash_file(path)) != built.sha256:
        raise RepositoryError(
            f"{path} is not the file that passed the gates: its SHA-256 is {actual}, the contract "
            f"says {built.sha256}. Export again."
        )
    return open_graph(path, built, threads=threads)


@dataclass(frozen=True)
class GraphEncoder:
    """An encoder's graph with the tokenizer that feeds it.

    Attributes:
        graph: with token ids and mask, or ids behind an entrance, and perhaps feature vectors as
            its inputs.
        tokenizer: cuts at the encoder's length.
        more: the same graph in other sessions; batches then run side by side, a thread a session.
            Small batches on a thread each are faster than one after the other on all threads, and
            threads that share a session wait for its memory.
    """

    graph: OnnxGraph
    tokenizer: Tokenizer
    more: tuple[OnnxGraph, ...] = ()

    @property
    def width(self) -> int:
        """D of the embeddings."""
        return int(self.graph.contract.outputs[0].shape[-1])

    def embed(
        self,
        texts: Sequence[str],
        vectors: NDArray[np.float32] | None = None,
        *,
        batch_tokens: int | None = None,
    ) -> NDArray[np.float32]:
        """Return the embeddings FP32 [N, D] of N rendered texts.

        Args:
            texts: as the encoder is to see them.
            vectors: feature vectors FP32 [N, V], for a pin encoder that takes them.
            batch_tokens: token budget of a batch, padding included; None runs each text alone,
                as a server without batching does.
        """
        embeddings = np.zeros((len(texts), self.width), dtype=np.float32)
        free: SimpleQueue[OnnxGraph] = SimpleQueue()
        for graph in (self.graph, *self.more):
            free.put(graph)
        with ThreadPoolExecutor(free.qsize()) as pool:
            parts = [
                texts[start : start + _TOKENIZED] for start in range(0, len(texts), _TOKENIZED)
            ]
            tokenized = pool.map(self.tokenizer.encode_batch_fast, map(list, parts))
            encodings = list(chain.from_iterable(tokenized))

            def run(rows: NDArray[np.int64]) -> None:
                extra = None if vectors is None else vectors[rows]
                inputs = self._inputs([encodings[row] for row in rows], extra)
                graph = free.get()
                try:
                    embeddings[rows] = graph.run(*inputs)[0]
                finally:
                    free.put(graph)

            if batch_tokens is None:
                batches = iter(np.arange(len(texts))[:, None])
            else:
                lengths = [len(encoding) for encoding in encodings]
                batches = length_batches(lengths, batch_tokens)
            deque(pool.map(run, batches), maxlen=0)
        return embeddings

    def inputs(
        self, texts: Sequence[str], vectors: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[Any], ...]:
        """Return what the graph takes for N rendered texts as one batch.

        Either token ids and mask INT64 [N, L], L the longest text's, or ids INT64 [N, T]; then the
        feature vectors FP32 [N, V], if it takes any.
        """
        return self._inputs(self.tokenizer.encode_batch_fast(list(texts)), vectors)

    def _inputs(
        self, encodings: Sequence[Encoding], vectors: NDArray[np.float32] | None
    ) -> tuple[NDArray[Any], ...]:
        extra = () if vectors is None else (vectors,)
        first, *others = self.graph.contract.inputs
        if any(tensor.name == "ATTENTION_MASK" for tensor in others):
            return (*pad_tokens(encodings), *extra)
        return (id_rows([encoding.ids for encoding in encodings], int(first.shape[1])), *extra)


@dataclass(frozen=True)
class GraphScorer:
    """The scorer's graph."""

    graph: OnnxGraph

    def score(
        self,
        query: NDArray[np.float32],
        pins: NDArray[np.float32],
        match_features: NDArray[np.float32],
    ) -> Scores:
        """Score one query FP32 [1, D] against pins FP32 [N, D] with match features FP32 [N, F]."""
        return Scores(*self.graph.run(query, pins, match_features))
