"""Gates on the files themselves: the contract's tensors, nothing newer than the target loads."""

from pathlib import Path

from pintower.contracts import Contract, graph_mismatches
from pintower.gates import Gate, gate
from pintower.models.onnx_structure import read_graph, weight_bytes

__all__ = ["structure_gates"]


def structure_gates(contract: Contract, folder: Path) -> list[Gate]:
    """Compare each graph's file with its contract and with the target's limits; tell its size."""
    gates = []
    for name, built in contract.graphs.items():
        path = folder / built.file
        actual = read_graph(path)
        mismatches = graph_mismatches(built, actual)
        limits = {"target": contract.target.name, "onnxruntime": contract.target.onnxruntime}
        sizes = {"precision": built.precision, "weights_mb": weight_bytes(path) / 1e6}
        gates += [
            gate(
                f"{name}.contract",
                len(mismatches),
                0,
                unit="mismatches",
                detail={"mismatches": mismatches},
            ),
            gate(f"{name}.opset", actual.opset, contract.target.max_opset, detail=limits),
            gate(
                f"{name}.ir_version",
                actual.ir_version,
                contract.target.max_ir_version,
                detail=limits,
            ),
            gate(f"{name}.file_size", path.stat().st_size / 1e6, unit="MB", detail=sizes),
        ]
    return gates
