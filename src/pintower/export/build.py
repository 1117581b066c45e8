"""A student's graphs as files, and the contract that describes them."""

import tempfile
from pathlib import Path

from pintower.artifacts import hash_file, hash_json
from pintower.contracts import (
    GRAPHS,
    BuiltGraph,
    Contract,
    GraphContract,
    Target,
    load_graph_contract,
)
from pintower.export.graphs import EncoderGraph, ScorerGraph
from pintower.export.quantization import quantize_dynamic
from pintower.export.tracing import trace
from pintower.models.layout import space_id
from pintower.models.student import Student
from pintower.progress import track

__all__ = ["build_graphs"]


def build_graphs(student: Student, target: Target, folder: Path) -> Contract:
    """Write the graphs in the target's precisions into a folder.

    Args:
        student: loaded.
        target: where they will run.
        folder: where ``<graph>.onnx`` go.

    Returns:
        Their contract, every symbol resolved. Whether the files keep it is for the gates to say.
    """
    symbols = {
        "D": student.head.width,
        "F": len(student.head.match_features),
        "V": sum(column["width"] for column in student.columns),
    }
    graphs: dict[str, EncoderGraph | ScorerGraph] = {
        "query_encoder": EncoderGraph(student.query_encoder),
        "pin_encoder": EncoderGraph(student.pin_encoder),
        "scorer": ScorerGraph(student.head),
    }
    space = space_id(student.layout.root)
    built = {}
    for name in track(GRAPHS, "exporting graphs", unit="graphs"):
        contract = load_graph_contract(name).resolve(symbols)
        built[name] = _build(graphs[name], contract, target.precision[name], space, folder)
    return Contract(
        space_id=space,
        target=target,
        symbols=symbols,
        match_features=student.head.match_features,
        feature_columns=tuple(column["name"] for column in student.columns),
        graphs=built,
    )


def _build(
    graph: EncoderGraph | ScorerGraph,
    contract: GraphContract,
    precision: str,
    space: str,
    folder: Path,
) -> BuiltGraph:
    path = folder / f"{contract.name}.onnx"
    if precision == "fp32":
        trace(graph, contract, path)
    else:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fp32-") as temporary:
            traced = Path(temporary) / path.name
            trace(graph, contract, traced)
            quantize_dynamic(traced, path, contract)
    digest = hash_file(path)
    return BuiltGraph(
        **contract.model_dump(),
        file=path.name,
        precision=precision,
        sha256=digest,
        artifact_id=hash_json({"space_id": space, "precision": precision, "sha256": digest}),
    )
