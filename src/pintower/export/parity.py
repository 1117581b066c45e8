"""The gates of an export: its graphs against the student in torch, on texts from the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pintower.contracts import BuiltGraph
from pintower.export.encoder_gates import encoder_gates
from pintower.export.half.gates import half_gate
from pintower.export.invariance_gates import invariance_gates
from pintower.export.ranking_gates import ranking_gates
from pintower.export.reference import Reference
from pintower.export.scorer_gates import scorer_gates
from pintower.export.structure_gates import structure_gates
from pintower.export.target_runtime import TargetRuntime, loads_gate
from pintower.gates import Gate, failed
from pintower.models.onnx_session import GraphEncoder, GraphScorer, open_graph
from pintower.targets import Limits, Target

__all__ = ["Measurement"]

_SCORED_QUERIES = 50


@dataclass(frozen=True)
class Measurement:
    """Measures built graphs of one export.

    Attributes:
        reference: what they are held to.
        target: its limits decide.
        folder: where the graphs lie.
        runtime: the target's own; None leaves unmeasured whether it loads them.
    """

    reference: Reference
    target: Target
    folder: Path
    runtime: TargetRuntime | None = None

    @property
    def limits(self) -> Limits:
        """Of the target."""
        return self.target.limits

    def query_encoder(self, built: BuiltGraph) -> list[Gate]:
        """Measure structure, parity, invariance and, where there are judgments, the ranking."""
        gates = self.structure(built)
        if failed(gates):
            return gates
        return gates + self.encoder(built) + self.ranking(built, self.reference)

    def structure(self, built: BuiltGraph) -> list[Gate]:
        """Measure a graph's file; what does not keep its contract is not run."""
        gates = structure_gates(built, self.target, self.folder)
        path = self.folder / built.file
        return [*gates, loads_gate(built, path, self.target, self.runtime)]

    def ranking(self, built: BuiltGraph, reference: Reference) -> list[Gate]:
        """Measure the ranking of judged pins against a student's, this one or a larger one."""
        if (judged := reference.judged) is None:
            return []
        encoder = self._open(built)
        embeddings = encoder.embed(self.reference.rendered(judged.pairs.queries))
        return ranking_gates(reference.student, judged, embeddings, self.limits)

    def _open(self, built: BuiltGraph) -> GraphEncoder:
        graph = open_graph(self.folder / built.file, built)
        return GraphEncoder(graph, self.reference.query_tokenizer)

    def encoder(self, built: BuiltGraph) -> list[Gate]:
        """Measure the query encoder's parity and invariance."""
        reference = self.reference
        texts = reference.rendered(reference.queries)
        wanted = reference.query_embeddings
        gates = self._embeddings(
            built,
            self._open(built),
            (texts, None),
            (wanted, reference.pin_embeddings),
            batched=self.target.max_batch_size > 1,
        )
        if built.precision == "fp16":
            path, tokenizer = self.folder / built.file, reference.query_tokenizer
            gates.append(half_gate(built, path, tokenizer, texts, wanted, self.limits))
        return gates

    def pin_encoder(self, built: BuiltGraph) -> list[Gate]:
        """Measure structure, parity and invariance; pins are always embedded in batches."""
        gates = self.structure(built)
        if failed(gates):
            return gates
        reference = self.reference
        graph = open_graph(self.folder / built.file, built)
        return gates + self._embeddings(
            built,
            GraphEncoder(graph, reference.pin_tokenizer),
            (reference.pin_texts, reference.pin_vectors),
            (reference.pin_embeddings, reference.query_embeddings),
            batched=True,
        )

    def _embeddings(
        self,
        built: BuiltGraph,
        encoder: GraphEncoder,
        inputs: tuple[Sequence[str], NDArray[np.float32] | None],
        embeddings: tuple[NDArray[np.float32], NDArray[np.float32]],
        *,
        batched: bool,
    ) -> list[Gate]:
        """Measure parity and invariance of an encoder on texts and their feature vectors.

        ``embeddings`` are torch's of these texts, and of the other tower's.
        """
        texts, vectors = inputs
        own, others = embeddings
        alone = encoder.embed(texts, vectors)
        path = self.folder / built.file
        return encoder_gates(built, texts, alone, own, self.limits) + invariance_gates(
            built, path, encoder, texts, vectors, alone, others, self.limits, batched=batched
        )

    def scorer(self, built: BuiltGraph) -> list[Gate]:
        """Measure structure, parity and the answers to values that are not finite."""
        gates = self.structure(built)
        if failed(gates):
            return gates
        reference = self.reference
        scored = slice(max(0, len(reference.queries) - _SCORED_QUERIES), None)
        gates += scorer_gates(
            reference.student,
            GraphScorer(open_graph(self.folder / built.file, built)),
            reference.queries[scored],
            reference.pins,
            (reference.query_embeddings[scored], reference.pin_embeddings),
            self.limits,
        )
        return gates
