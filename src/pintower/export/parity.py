"""The gates of an export: its graphs against the student in torch, on texts from the data."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pintower.contracts import BuiltGraph
from pintower.errors import RepositoryError, SetupError
from pintower.export.embedded import Embedded, cosines
from pintower.export.encoder_gates import encoder_gates
from pintower.export.half.gates import half_gate
from pintower.export.invariance_gates import batch_gates, repetition_gates
from pintower.export.judged import JudgedPairs
from pintower.export.language_gates import language_cosine_gates, language_ranking_gates
from pintower.export.ranking_gates import ranking_gates
from pintower.export.reference import Reference
from pintower.export.scorer_gates import scorer_gates
from pintower.export.structure_gates import structure_gates
from pintower.export.target_runtime import TargetRuntime, loads_gate, measured_in
from pintower.gates import Gate, failed, gate
from pintower.models.onnx_session import GraphEncoder, GraphScorer, OnnxGraph, open_graph
from pintower.models.pin_inputs import feature_matrix, pin_texts
from pintower.targets import Limits, Target

__all__ = ["Measurement"]

_SCORED_QUERIES = 50
_BATCH_TOKENS = 2_048


@dataclass(frozen=True)
class Measurement:
    """Measures built graphs of one export.

    Attributes:
        reference: what they are held to.
        target: its limits decide.
        folder: where the graphs lie.
        runtime: the target's own; None leaves unmeasured what it makes of them.
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
        """Measure structure, parity, invariance and, where there are judgments, the ranking.

        What counts is the target's ONNX Runtime, which rounds otherwise than the current one: all
        but what hangs on neither is measured in both.
        """
        gates = self.structure(built)
        if failed(gates):
            return gates
        gates += self.encoder(built) + self.ranking(built, self.reference)
        return gates + self._in_target(built, partial(self._query_encoder_in_target, built))

    def structure(self, built: BuiltGraph) -> list[Gate]:
        """Measure a graph's file; what does not keep its contract is not run."""
        gates = structure_gates(built, self.target, self.folder)
        path = self.folder / built.file
        return [*gates, loads_gate(built, path, self.target, self.runtime)]

    def ranking(self, built: BuiltGraph, reference: Reference) -> list[Gate]:
        """Measure the ranking of judged pins against a student's in torch, this one or another.

        A student of other pins ranks by its own pins' embeddings and its own scoring head.
        """
        return self._ranking(self._open(built), reference)

    def encoder(self, built: BuiltGraph) -> list[Gate]:
        """Measure the query encoder's parity and invariance."""
        embedded = self._queries(built, self._open(built))
        gates = self._alone_and_together(embedded)
        gates += repetition_gates(embedded, self.folder / built.file, self.limits)
        if built.precision == "fp16":
            path, tokenizer = self.folder / built.file, self.reference.query_tokenizer
            gates.append(half_gate(embedded, path, tokenizer, self.limits))
        return gates

    def pin_encoder(self, built: BuiltGraph) -> list[Gate]:
        """Measure structure, parity, invariance and, but for fp32, the ranking.

        Pins are always embedded in batches, by what runs the graph here.
        """
        gates = self.structure(built)
        if failed(gates):
            return gates
        reference, path = self.reference, self.folder / built.file
        runs = partial(gate, f"{built.name}.runs", allowed=0, unit="failures")
        try:
            graph = open_graph(path, built)
        except (RepositoryError, SetupError) as error:
            return [*gates, runs(1, detail={"error": str(error)})]
        if built.precision == "bf16":
            gates.append(runs(0))
        embedded = Embedded(
            built,
            GraphEncoder(graph, reference.pin_tokenizer),
            reference.pin_texts,
            reference.pin_vectors,
            reference.pin_embeddings,
            reference.query_embeddings,
        )
        gates += encoder_gates(embedded, self.limits)
        gates += self._pin_languages(embedded)
        gates += batch_gates(embedded, self.limits, batched=True)
        gates += repetition_gates(embedded, path, self.limits)
        return gates if built.precision == "fp32" else gates + self._pin_ranking(embedded.encoder)

    def scorer(self, built: BuiltGraph) -> list[Gate]:
        """Measure structure, parity and the answers to values that are not finite."""
        gates = self.structure(built)
        if failed(gates):
            return gates
        gates += self._scores(open_graph(self.folder / built.file, built))
        return gates + self._in_target(built, self._scores)

    def _query_encoder_in_target(self, built: BuiltGraph, graph: OnnxGraph) -> list[Gate]:
        encoder = GraphEncoder(graph, self.reference.query_tokenizer)
        embedded = self._queries(built, encoder)
        return self._alone_and_together(embedded) + self._ranking(encoder, self.reference)

    def _queries(self, built: BuiltGraph, encoder: GraphEncoder) -> Embedded:
        reference = self.reference
        texts = reference.rendered(reference.queries)
        wanted, others = reference.query_embeddings, reference.pin_embeddings
        vectors = reference.matrix(reference.queries)
        return Embedded(built, encoder, texts, vectors, wanted, others)

    def _alone_and_together(self, embedded: Embedded) -> list[Gate]:
        batched = self.target.max_batch_size > 1
        return [
            *encoder_gates(embedded, self.limits),
            *batch_gates(embedded, self.limits, batched=batched),
        ]

    def _in_target(
        self, built: BuiltGraph, measure: Callable[[OnnxGraph], list[Gate]]
    ) -> list[Gate]:
        """Measure a graph in the target's ONNX Runtime, where it is at hand."""
        if self.runtime is None or self.runtime.version != self.target.triton.onnxruntime:
            return []
        path = self.folder / built.file
        return measured_in(self.runtime, built, path, self.target, measure)

    def _open(self, built: BuiltGraph) -> GraphEncoder:
        graph = open_graph(self.folder / built.file, built)
        return GraphEncoder(graph, self.reference.query_tokenizer)

    def _ranking(self, encoder: GraphEncoder, reference: Reference) -> list[Gate]:
        own = self.reference
        if (judged := reference.judged) is None or (ours := own.judged) is None:
            return []
        queries = ours.pairs.queries
        embeddings = encoder.embed(own.rendered(queries), own.matrix(queries))
        given = ours.scores(own.student, queries=embeddings)
        gates = self._rankings("ranking", reference, judged, given)
        return gates + self._query_languages(ours, embeddings)

    def _rankings(
        self, name: str, reference: Reference, judged: JudgedPairs, given: NDArray[np.float32]
    ) -> list[Gate]:
        """Compare scores with torch's, over all queries and by language."""
        wanted = judged.scores(reference.student)
        return [
            *ranking_gates(name, judged, wanted, given, self.limits),
            *language_ranking_gates(name, judged, wanted, given, self.limits),
        ]

    def _query_languages(self, judged: JudgedPairs, given: NDArray[np.float32]) -> list[Gate]:
        """Compare embeddings of judged queries with torch's by language: no log states any."""
        if judged.languages is None:
            return []
        asked = zip(judged.languages.tolist(), judged.pairs.query.tolist(), strict=True)
        spoken = sorted(set(asked))
        cosine = cosines(given, judged.queries)[[query for _, query in spoken]]
        names = (language for language, _ in spoken)
        return language_cosine_gates("query_encoder", names, cosine, self.limits)

    def _pin_languages(self, embedded: Embedded) -> list[Gate]:
        """Compare embeddings of real pins with torch's by language, the odd ones left out."""
        if (spoken := self.reference.pin_languages) is None:
            return []
        cosine = cosines(embedded.alone, embedded.reference)[: len(spoken)]
        return language_cosine_gates(embedded.built.name, spoken, cosine, self.limits)

    def _pin_ranking(self, encoder: GraphEncoder) -> list[Gate]:
        """Measure the ranking of judged pins with their embeddings from the graph."""
        reference = self.reference
        if (judged := reference.judged) is None:
            return []
        student, pins = reference.student, judged.pairs.pins
        embeddings = encoder.embed(
            pin_texts(pins, student.rendering),
            feature_matrix(pins, student.columns),
            batch_tokens=_BATCH_TOKENS,
        )
        given = judged.scores(student, pins=embeddings)
        return self._rankings("pin_ranking", reference, judged, given)

    def _scores(self, graph: OnnxGraph) -> list[Gate]:
        reference = self.reference
        scored = slice(max(0, len(reference.queries) - _SCORED_QUERIES), None)
        return scorer_gates(
            reference.student,
            GraphScorer(graph),
            reference.queries[scored],
            reference.pins,
            (reference.query_embeddings[scored], reference.pin_embeddings),
            self.limits,
        )
