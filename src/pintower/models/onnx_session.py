"""Running a built graph by what its precision asks for, with the contract's names.

That is ONNX Runtime; of a graph in bf16 OpenVINO.
"""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
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
from pintower.models.openvino_session import OpenVinoSession, open_sessions
from pintower.models.pin_inputs import length_batches, shape_batches
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
_OFTEN = 16
"""Batches of one shape that make up for a loading of the graph for it, about 0.2 s."""


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

    def run(self, *inputs: NDArray[Any], often: bool = False) -> list[NDArray[Any]]:
        """Return the outputs in the contract's order, of inputs in the contract's order.

        Args:
            inputs: arrays.
            often: their shapes come often enough to be worth a loading of their own, where
                :meth:`length_step` says that there is one.
        """
        feeds = {
            tensor.name: array for tensor, array in zip(self.contract.inputs, inputs, strict=True)
        }
        session = self.session
        if often and isinstance(session, OpenVinoSession):
            session = session.of_shapes(feeds)
        return session.run([tensor.name for tensor in self.contract.outputs], feeds)

    def length_step(self, limit: int) -> int | None:
        """Return what lengths up to a limit are to be rounded up to; None for nothing."""
        found = self.session
        return found.length_step(limit) if isinstance(found, OpenVinoSession) else None


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
class _Batch:
    """Texts that are run together: their rows, places a row at least, and whether often."""

    rows: NDArray[np.int64]
    places: int = 1
    often: bool = False


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

            def run(batch: _Batch) -> None:
                extra = None if vectors is None else vectors[batch.rows]
                inputs = self._inputs([encodings[row] for row in batch.rows], extra, batch.places)
                graph = free.get()
                try:
                    embeddings[batch.rows] = graph.run(*inputs, often=batch.often)[0]
                finally:
                    free.put(graph)

            lengths = [len(encoding) for encoding in encodings]
            deque(pool.map(run, self._batches(lengths, batch_tokens)), maxlen=0)
        return embeddings

    def _batches(self, lengths: Sequence[int], budget: int | None) -> Iterator["_Batch"]:
        """Yield the batches that texts of some lengths make.

        They follow from these texts alone and not from what was embedded before, for what runs a
        batch decides on the last bits of its embeddings.
        """
        if budget is None:
            yield from (_Batch(np.array([row])) for row in range(len(lengths)))
            return
        limit = int(self.tokenizer.truncation["max_length"])
        if (step := self.graph.length_step(limit)) is None:
            yield from map(_Batch, length_batches(lengths, budget))
            return
        batches = list(shape_batches(lengths, budget, step, limit))
        shapes = Counter((len(rows), places) for rows, places in batches)
        for rows, places in batches:
            yield _Batch(rows, places, shapes[len(rows), places] >= _OFTEN)

    def inputs(
        self, texts: Sequence[str], vectors: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[Any], ...]:
        """Return what the graph takes for N rendered texts as one batch.

        Either token ids and mask INT64 [N, L], L the longest text's, or ids INT64 [N, T]; then the
        feature vectors FP32 [N, V], if it takes any.
        """
        return self._inputs(self.tokenizer.encode_batch_fast(list(texts)), vectors)

    def _inputs(
        self,
        encodings: Sequence[Encoding],
        vectors: NDArray[np.float32] | None,
        places: int = 1,
    ) -> tuple[NDArray[Any], ...]:
        extra = () if vectors is None else (vectors,)
        first, *others = self.graph.contract.inputs
        if any(tensor.name == "ATTENTION_MASK" for tensor in others):
            return (*pad_tokens(encodings, places), *extra)
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
