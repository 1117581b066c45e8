"""The gates of an export: its graphs against the student in torch, on texts from the data."""

from dataclasses import dataclass
from pathlib import Path

from pintower.contracts import BuiltGraph, Limits, Target
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
        reference, path = self.reference, self.folder / built.file
        encoder = self._open(built)
        texts = reference.rendered(reference.queries)
        gates = encoder_gates(built, encoder, texts, None, reference.query_embeddings, self.limits)
        gates += invariance_gates(
            built,
            path,
            encoder,
            texts,
            None,
            reference.pin_embeddings,
            self.limits,
            batched=self.target.max_batch_size > 1,
        )
        if built.precision == "fp16":
            tokenizer, wanted = reference.query_tokenizer, reference.query_embeddings
            gates.append(half_gate(built, path, tokenizer, texts, wanted, self.limits))
        return gates

    def pin_encoder(self, built: BuiltGraph) -> list[Gate]:
        """Measure structure, parity and invariance; pins are always embedded in batches."""
        gates = self.structure(built)
        if failed(gates):
            return gates
        reference, path = self.reference, self.folder / built.file
        encoder = GraphEncoder(open_graph(path, built), reference.pin_tokenizer)
        texts, vectors = reference.pin_texts, reference.pin_vectors
        gates += encoder_gates(
            built, encoder, texts, vectors, reference.pin_embeddings, self.limits
        )
        gates += invariance_gates(
            built,
            path,
            encoder,
            texts,
            vectors,
            reference.query_embeddings,
            self.limits,
            batched=True,
        )
        return gates

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
