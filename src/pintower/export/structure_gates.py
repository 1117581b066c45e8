"""Gates on the files themselves: the contract's tensors, nothing newer than the target loads."""

from pathlib import Path

from pintower.contracts import BuiltGraph, graph_mismatches
from pintower.gates import Gate, gate
from pintower.models.onnx_structure import read_graph, weight_bytes
from pintower.targets import Target

__all__ = ["structure_gates"]


def structure_gates(built: BuiltGraph, target: Target, folder: Path) -> list[Gate]:
    """Compare a graph's file with its contract and with the target's limits; tell its size."""
    name, path = built.name, folder / built.file
    actual = read_graph(path)
    mismatches = graph_mismatches(built, actual)
    limits = {"triton": target.triton.name, "onnxruntime": target.triton.onnxruntime}
    sizes = {"precision": built.precision, "weights_mb": weight_bytes(path) / 1e6}
    return [
        gate(
            f"{name}.contract",
            len(mismatches),
            0,
            unit="mismatches",
            detail={"mismatches": mismatches},
        ),
        gate(f"{name}.opset", actual.opset, target.triton.max_opset, detail=limits),
        gate(f"{name}.ir_version", actual.ir_version, target.triton.max_ir_version, detail=limits),
        gate(f"{name}.file_size", path.stat().st_size / 1e6, unit="MB", detail=sizes),
    ]
