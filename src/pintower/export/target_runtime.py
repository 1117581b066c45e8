"""The target's own ONNX Runtime: does it load what was built, and what does it compute.

Opset and IR version say little: the operators of ONNX Runtime's own domain have no versions that a
graph could name, and int8 is rounded otherwise in another version. The server environment holds the
target's ONNX Runtime, so it is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pintower.contracts import BuiltGraph
from pintower.errors import SetupError
from pintower.gates import Gate, gate
from pintower.models.onnx_session import OnnxGraph
from pintower.serving.environment import ensure_environment
from pintower.serving.layout import read_layout
from pintower.serving.runtime_session import RuntimeSession
from pintower.targets import Target, Threads

__all__ = ["TargetRuntime", "find_target_runtime", "loads_gate", "measured_in"]


@dataclass(frozen=True)
class TargetRuntime:
    """An ONNX Runtime in another environment.

    Attributes:
        python: the environment's interpreter.
        version: of its ONNX Runtime.
    """

    python: Path
    version: str


def find_target_runtime(target: Target) -> TargetRuntime:
    """Return a target's ONNX Runtime, installing the server environment if it is missing.

    Args:
        target: names the Triton release.

    Raises:
        SetupError: if it cannot be installed, or a folder is there but not fit.
    """
    environment = ensure_environment(target.triton)
    version = read_layout(environment.folder).onnxruntime_version
    return TargetRuntime(environment.python, version or "unknown")


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
    detail = {"onnxruntime": runtime.version, "target": target.triton.onnxruntime}
    if runtime.version != target.triton.onnxruntime:
        reason = "the server environment has another ONNX Runtime than the target"
        return gate(name, float("nan"), detail={**detail, "reason": reason})
    try:
        with RuntimeSession(runtime.python, path, target.threads.get(built.name, Threads())):
            return gate(name, 0, 0, unit="failures", detail=detail)
    except SetupError as error:
        return gate(name, 1, 0, unit="failures", detail={**detail, "error": str(error)})


def measured_in(
    runtime: TargetRuntime,
    built: BuiltGraph,
    path: Path,
    target: Target,
    measure: Callable[[OnnxGraph], list[Gate]],
) -> list[Gate]:
    """Return gates measured in the target's ONNX Runtime, ``target.`` before their names.

    Args:
        runtime: the target's.
        built: the graph.
        path: of its file.
        target: names the graph's threads.
        measure: runs the graph.
    """
    name = f"target.{built.name}.runs"
    detail = {"onnxruntime": runtime.version}
    threads = target.threads.get(built.name, Threads())
    try:
        with RuntimeSession(runtime.python, path, threads) as session:
            measured = measure(OnnxGraph(built, session))
    except SetupError as error:
        return [gate(name, 1, 0, unit="failures", detail={**detail, "error": str(error)})]
    runs = gate(name, 0, 0, unit="failures", detail=detail)
    return [runs, *(replace(item, name=f"target.{item.name}") for item in measured)]
