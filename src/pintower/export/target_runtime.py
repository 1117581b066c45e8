"""The target's own ONNX Runtime: does it load what was built.

Opset and IR version say little: the operators of ONNX Runtime's own domain have no versions that a
graph could name. The server environment holds the target's ONNX Runtime, so it is asked.
"""

from dataclasses import dataclass
from pathlib import Path

from pintower.contracts import BuiltGraph
from pintower.errors import SetupError
from pintower.gates import Gate, gate
from pintower.serving.environment import ensure_environment
from pintower.serving.layout import read_layout
from pintower.serving.runtime_session import RuntimeSession
from pintower.targets import Target, Threads

__all__ = ["TargetRuntime", "find_target_runtime", "loads_gate"]


@dataclass(frozen=True)
class TargetRuntime:
    """An ONNX Runtime in another environment.

    Attributes:
        python: the environment's interpreter.
        version: of its ONNX Runtime.
    """

    python: Path
    version: str


def find_target_runtime() -> TargetRuntime:
    """Return the server environment's ONNX Runtime, installing the environment if it is missing.

    Raises:
        SetupError: if it cannot be installed, or a folder is there but not fit.
    """
    environment = ensure_environment()
    layout = read_layout(environment.folder)
    versions = (layout.package_version(name) for name in ("onnxruntime", "onnxruntime-gpu"))
    return TargetRuntime(environment.python, next(filter(None, versions), "unknown"))


def loads_gate(
    built: BuiltGraph, path: Path, target: Target, runtime: TargetRuntime | None
) -> Gate:
    """Load a graph in the target's ONNX Runtime, on its CPU provider.

    Args:
        built: the graph.
        path: of its file.
        target: names the version that counts.
        runtime: None where none is to be asked; that is told.
    """
    name = f"{built.name}.target_loads"
    if runtime is None:
        return gate(name, float("nan"), detail={"reason": "export.target_runtime is false"})
    detail = {"onnxruntime": runtime.version, "target": target.onnxruntime}
    if runtime.version != target.onnxruntime:
        reason = "the server environment has another ONNX Runtime than the target"
        return gate(name, float("nan"), detail={**detail, "reason": reason})
    try:
        with RuntimeSession(runtime.python, path, target.threads.get(built.name, Threads())):
            return gate(name, 0, 0, unit="failures", detail=detail)
    except SetupError as error:
        return gate(name, 1, 0, unit="failures", detail={**detail, "error": str(error)})
