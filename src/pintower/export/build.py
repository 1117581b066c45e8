"""A student's graphs as files, and the contract that describes them."""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sentence_transformers import SentenceTransformer

from pintower.accelerators import TensorRTAccelerator
from pintower.artifacts import hash_file, hash_json
from pintower.contracts import (
    BuiltGraph,
    Contract,
    FeatureColumn,
    GraphContract,
    load_graph_contract,
)
from pintower.export.any_size import require_any_size
from pintower.export.entrance import add_entrance, without_entrance
from pintower.export.fusion import fuse
from pintower.export.graphs import EncoderGraph, ScorerGraph
from pintower.export.half.convert import write_half
from pintower.export.int8.sensitivity import most_sensitive
from pintower.export.int8.static import Prepared, TokenBatches, prepare, write_int8
from pintower.export.quantization import write_dynamic_int8
from pintower.export.tracing import conform, trace
from pintower.models.first_module import backbone_config
from pintower.models.layout import space_id
from pintower.models.student import Student
from pintower.models.vocabulary import table_rows
from pintower.targets import Precision, Target

__all__ = ["GraphBuilder"]

logger = logging.getLogger(__name__)

_COMPARED = 3
"""Batches of texts on which a fused graph is compared with the traced one."""


@dataclass(frozen=True)
class GraphBuilder:
    """Builds a student's graphs for a target, each in any of its precisions.

    Attributes:
        student: loaded.
        target: where they will run.
        folder: where ``<graph>.onnx`` go.
        texts: gives what an encoder, named, takes of texts for calibration, none of them held out.
    """

    student: Student
    target: Target
    folder: Path
    texts: Callable[[str], TokenBatches]

    @cached_property
    def _known_batches(self) -> dict[str, TokenBatches]:
        return {}

    def _batches(self, name: str) -> TokenBatches:
        if name not in self._known_batches:
            self._known_batches[name] = self.texts(name)
        return self._known_batches[name]

    @cached_property
    def space_id(self) -> str:
        """The student's."""
        return space_id(self.student.layout.root)

    @cached_property
    def symbols(self) -> dict[str, int]:
        """D, F, Q, T and V of the contracts."""
        return {
            "D": self.student.head.width,
            "F": len(self.student.head.match_features),
            "Q": sum(column["width"] for column in self.student.query_columns),
            "T": self.student.rendering.query_max_tokens + 1,
            "V": sum(column["width"] for column in self.student.columns),
        }

    def build(self, name: str, precision: Precision) -> BuiltGraph:
        """Write one graph. Whether it keeps its contract is for the gates to say.

        Args:
            name: of the graph.
            precision: one that the graph can have: the scorer has fp32 alone.
        """
        contract = load_graph_contract(name).resolve(self.symbols)
        path = self.folder / f"{name}.onnx"
        logger.info("building %s in %s", name, precision)
        if name == "query_encoder":
            self._write(name, precision, without_entrance(contract), path)
            rows = table_rows(self.student.query_encoder)
            cut = self.target.device_of(name) == "cpu"
            add_entrance(path, contract, vocabulary=rows, cut=cut)
        else:
            self._write(name, precision, contract, path)
        digest = hash_file(path)
        identity = {"space_id": self.space_id, "precision": precision, "sha256": digest}
        return BuiltGraph(
            **contract.model_dump(),
            file=path.name,
            precision=precision,
            sha256=digest,
            artifact_id=hash_json(identity),
        )

    def contract(self, graphs: dict[str, BuiltGraph]) -> Contract:
        """Return the contract of an export: everything resolved."""
        return Contract(
            space_id=self.space_id,
            target=self.target,
            symbols=self.symbols,
            match_features=self.student.head.match_features,
            feature_columns=tuple(column["name"] for column in self.student.columns),
            query_feature_columns=tuple(
                FeatureColumn.model_validate(column) for column in self.student.query_columns
            ),
            graphs=graphs,
        )

    def _write(self, name: str, precision: Precision, contract: GraphContract, path: Path) -> None:
        """Write a graph as its contract has it, the entrance left aside."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".build-") as temporary:
            traced = Path(temporary) / "traced.onnx"
            module = self._module(name)
            trace(module, contract, traced)
            if isinstance(module, EncoderGraph):
                self._require_any_size(module, traced, contract)
            if precision in ("fp32", "bf16"):
                traced.replace(path)
            elif precision == "fp16":
                write_half(self._half_source(traced, contract), path, contract)
            elif precision == "int8-dynamic":
                write_dynamic_int8(self._fused(traced, contract), path, contract)
            else:
                prepared = self._prepared(traced, contract)
                write_int8(prepared, path, keep=self._kept(prepared, precision, name))
                conform(path, contract)

    def _require_any_size(
        self, module: EncoderGraph, traced: Path, contract: GraphContract
    ) -> None:
        rendering = self.student.rendering
        query = contract.name == "query_encoder"
        longest = rendering.query_max_tokens if query else rendering.pin_max_tokens
        rows = table_rows(self._encoder(contract.name))
        require_any_size(module, traced, contract, longest=longest, vocabulary=rows)

    def _encoder(self, name: str) -> SentenceTransformer:
        query = name == "query_encoder"
        return self.student.query_encoder if query else self.student.pin_encoder

    def _module(self, name: str) -> EncoderGraph | ScorerGraph:
        if name == "scorer":
            return ScorerGraph(self.student.head)
        return EncoderGraph(self._encoder(name))

    def _fused(self, traced: Path, contract: GraphContract) -> Path:
        fused = traced.with_name("fused.onnx")
        config = backbone_config(self._encoder(contract.name))
        fuse(traced, fused, config, contract, self._batches(contract.name)[:_COMPARED])
        return fused

    def _half_source(self, traced: Path, contract: GraphContract) -> Path:
        """Return the graph to put in fp16: TensorRT knows none of ONNX Runtime's own operators."""
        tensorrt = isinstance(self.target.accelerator, TensorRTAccelerator)
        fusible = contract.name == "query_encoder" and not tensorrt
        return self._fused(traced, contract) if fusible else traced

    def _prepared(self, traced: Path, contract: GraphContract) -> Prepared:
        settings = self.target.calibration
        return prepare(
            self._fused(traced, contract),
            self._batches(contract.name),
            settings.method,
            max_error=settings.max_error,
        )

    def _kept(self, prepared: Prepared, precision: Precision, name: str) -> list[str]:
        if precision == "int8-static":
            return []
        return most_sensitive(prepared, self._batches(name))
