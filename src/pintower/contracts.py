"""Contracts: what a graph takes and gives. Names, dtypes and shapes stand here and nowhere else.

``export/<graph>.toml`` is the hand-written form, with symbols for the widths a student decides;
``contract.json`` in the export folder is the resolved form, the one that the Triton configs, the
checks and the tests read.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pintower.artifacts import read_json, write_json
from pintower.assets import asset
from pintower.errors import RepositoryError
from pintower.targets import Precision, Target
from pintower.versions import other_version

__all__ = [
    "BuiltGraph",
    "Contract",
    "DType",
    "Dim",
    "FeatureColumn",
    "GraphContract",
    "Tensor",
    "graph_mismatches",
    "load_graph_contract",
]

Dim = int | str
"""A fixed width, or the name of an axis that varies (``batch``, ``length``, ``pins``)."""

DType = Literal["BOOL", "INT32", "INT64", "FP16", "FP32", "BYTES"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tensor(_Model):
    """One input or output."""

    name: str
    dtype: DType
    shape: tuple[Dim, ...]


class FeatureColumn(_Model):
    """A column of feature vectors."""

    name: str
    width: int


class GraphContract(_Model):
    """What one graph takes and gives.

    Attributes:
        name: of the graph, and of the Triton model that serves it.
        opset: ONNX operator set.
        ir_version: ONNX IR version.
        inputs: in order.
        outputs: in order.
    """

    name: str
    opset: int
    ir_version: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def resolve(self, symbols: Mapping[str, int]) -> "GraphContract":
        """Put widths in the place of symbols; an input of width 0 is left out."""

        def resolved(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            shaped = (
                tensor.model_copy(
                    update={"shape": tuple(symbols.get(str(d), d) for d in tensor.shape)}
                )
                for tensor in tensors
            )
            return tuple(tensor for tensor in shaped if 0 not in tensor.shape)

        return self.model_copy(
            update={"inputs": resolved(self.inputs), "outputs": resolved(self.outputs)}
        )


class BuiltGraph(GraphContract):
    """A resolved graph with the file that was built for it.

    Attributes:
        file: path inside the export folder.
        precision: how its weights are stored and its products computed; says what runs it, too.
        sha256: of the file.
        artifact_id: hash over space id, precision and file.
    """

    file: str
    precision: Precision
    sha256: str
    artifact_id: str


class Contract(_Model):
    """``contract.json``: everything resolved.

    Attributes:
        space_id: what both towers must agree on.
        target: where it will run.
        symbols: D (embedding width), F (match features), Q and V (width of a query's and of a pin's
            feature vectors), T (token ids of a query's row).
        match_features: names of the F columns.
        feature_columns: names of the pin feature vectors, in order.
        query_feature_columns: name and width of the query feature vectors, in order.
        graphs: one for each of :data:`GRAPHS`.
    """

    space_id: str
    target: Target
    symbols: dict[str, int]
    match_features: tuple[str, ...]
    feature_columns: tuple[str, ...]
    query_feature_columns: tuple[FeatureColumn, ...]
    graphs: dict[str, BuiltGraph]

    def save(self, path: Path) -> None:
        """Write ``contract.json``."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> "Contract":
        """Read ``contract.json``.

        Raises:
            RepositoryError: if the file is not a contract of this version.
        """
        try:
            return cls.model_validate(read_json(path))
        except ValidationError as error:
            raise RepositoryError(other_version(path, "a contract", error)) from None


def load_graph_contract(name: str) -> GraphContract:
    """Read ``export/<name>.toml``."""
    path = asset("export", f"{name}.toml")
    return GraphContract.model_validate(tomllib.loads(path.read_text("utf-8")))


def graph_mismatches(contract: GraphContract, actual: GraphContract) -> list[str]:
    """Return what an ONNX file does otherwise than its contract says, a line each."""
    lines = []
    for kind in ("inputs", "outputs"):
        wanted = {tensor.name: tensor for tensor in getattr(contract, kind)}
        given = {tensor.name: tensor for tensor in getattr(actual, kind)}
        for name in sorted(wanted.keys() | given.keys()):
            if name not in given:
                lines.append(f"{contract.name}: {kind[:-1]} {name} is missing from the graph")
            elif name not in wanted:
                lines.append(f"{contract.name}: {kind[:-1]} {name} is not in the contract")
            else:
                lines.extend(_tensor_mismatches(contract.name, wanted[name], given[name]))
    return lines


def _tensor_mismatches(graph: str, wanted: Tensor, given: Tensor) -> list[str]:
    lines = []
    if wanted.dtype != given.dtype:
        lines.append(f"{graph}: {wanted.name} is {given.dtype}, the contract says {wanted.dtype}")
    same_rank = len(wanted.shape) == len(given.shape)
    if not same_rank or any(
        a != b if isinstance(a, int) else isinstance(b, int)
        for a, b in zip(wanted.shape, given.shape, strict=True)
    ):
        lines.append(
            f"{graph}: {wanted.name} has shape {list(given.shape)}, "
            f"the contract says {list(wanted.shape)}"
        )
    return lines
