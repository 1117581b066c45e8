"""Running a built graph by what its precision asks for, with the contract's names.

That is ONNX Runtime; of a graph in bf16 OpenVINO, which is imported for one alone.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as errors
from tokenizers import Encoding, Tokenizer

from pintower.artifacts import hash_file
from pintower.contracts import BuiltGraph, Contract, GraphContract
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
    "Session",
    "open_built_graph",
    "open_built_graphs",
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


class Session(Protocol):
    """What runs a graph: ONNX Runtime here or in another environment, or OpenVINO."""

    def run(
        self, outputs: Sequence[str], feeds: Mapping[str, NDArray[Any]], /
    ) -> list[NDArray[Any]]:
        """Return the named outputs of the named inputs."""


@dataclass(frozen=True)
class OnnxGraph:
    """A graph of an ONNX file, loaded."""

    contract: GraphContract
    session: Session

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the outputs in the contract's order, of inputs in the contract's order."""
        feeds = {
            tensor.name: array for tensor, array in zip(self.contract.inputs, inputs, strict=True)
        }
        return self.session.run([tensor.name for tensor in self.contract.outputs], feeds)


def open_graph(path: Path, contract: GraphContract, *, threads: int = 1) -> OnnxGraph:
    """Load an ONNX file on the CPU.

    Args:
        path: of the file.
        contract: what it takes and gives; that of a built graph says its precision, too.
        threads: inside one operator.

    Raises:
        RepositoryError: if it cannot be loaded.
        SetupError: if it is in bf16, and this machine has no OpenVINO or no such products.
    """
    (graph,) = _open(path, contract, 1, threads)
    return graph


def _open(path: Path, contract: GraphContract, count: int, threads: int) -> list[OnnxGraph]:
    if isinstance(contract, BuiltGraph) and contract.precision == "bf16":
        from pintower.models.openvino_session import open_sessions

        sessions: Sequence[Session] = open_sessions(path, count, threads=threads)
    else:
        sessions = [_runtime_session(path, threads) for _ in range(count)]
    return [OnnxGraph(contract, session) for session in sessions]


def _runtime_session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except RUN_ERRORS as error:
        raise RepositoryError(
            f"ONNX Runtime {ort.__version__} cannot load {path}: {error}"
        ) from error


def open_built_graph(folder: Path, contract: Contract, name: str) -> OnnxGraph:
    """Load one of an export folder's graphs, as :func:`open_built_graphs` does."""
    (graph,) = open_built_graphs(folder, contract, name, 1)
    return graph


def open_built_graphs(folder: Path, contract: Contract, name: str, count: int) -> list[OnnxGraph]:
    """Load one of an export folder's graphs after checking that it is the file that was gated.

    Args:
        folder: of the export.
        contract: of the export.
        name: of the graph.
        count: batches that are to run side by side, on a thread each.

    Returns:
        The graph, once for each of them.

    Raises:
        RepositoryError: if the file is absent or another than its contract says.
        SetupError: as :func:`open_graph` does.
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
    return _open(path, built, count, threads=1)


@dataclass(frozen=True)
class GraphEncoder:
    """An encoder's graph with the tokenizer that feeds it.

    Attributes:
        graph: with token ids and mask, or ids behind an entrance, and perhaps feature vectors as
            its inputs.
        tokenizer: cuts at the encoder's length.
        more: the same graph, loaded for other threads; batches then run side by side, a thread
            each. Small batches on a thread each are faster than one after the other on all threads,
            and threads that share a session of ONNX Runtime wait for its memory.
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
