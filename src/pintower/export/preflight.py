"""Before anything is built: can the target load it, and can this machine measure it.

Everything here is known from the target's file and this machine, so a target that could never work
is refused in seconds.
"""

import logging
import re
from collections.abc import Iterator, Mapping

import onnxruntime

from pintower.contracts import load_graph_contract
from pintower.gates import Gate, gate
from pintower.serving.machine import cpu_flags, cuda_devices
from pintower.targets import GRAPHS, Precision, Target

__all__ = ["preflight"]

logger = logging.getLogger(__name__)

_BF16_ELSEWHERE = (
    "OpenVINO multiplies in bf16, and it runs the pin encoder alone; ONNX Runtime, which runs this "
    "graph, has no such products"
)
_ON_CPU: Mapping[Precision, str] = {
    "fp16": "ONNX Runtime's CPU provider has no fp16 products: it casts, and computes in fp32",
    "bf16": _BF16_ELSEWHERE,
}
_INT8_ON_GPU = (
    "most of ONNX Runtime's int8 operators have no CUDA kernels: they run on the CPU, with copies "
    "to and fro"
)
_ON_GPU: Mapping[Precision, str] = {
    "bf16": _BF16_ELSEWHERE,
    **dict.fromkeys(("int8-dynamic", "int8-static", "int8-mixed"), _INT8_ON_GPU),
}
"""Precisions that a device has no kernels for, and what it does instead."""


def preflight(target: Target) -> list[Gate]:
    """Return gates on a target and this machine; no graph is needed.

    That the build machine's CPU lacks instructions, or that it has no GPU, is told and does not
    stop anything: it need not be the machine that serves.

    Args:
        target: where a release will run.
    """
    contracts = [load_graph_contract(name) for name in GRAPHS]
    triton = target.triton
    at = {"triton": triton.name, "onnxruntime": triton.onnxruntime}
    impossible = list(_impossible(target))
    build = {"build": onnxruntime.__version__, "target": triton.onnxruntime}
    older = _numbers(build["build"]) < _numbers(build["target"])
    gates = [
        gate("preflight.opset", max(c.opset for c in contracts), triton.max_opset, detail=at),
        gate(
            "preflight.ir_version",
            max(c.ir_version for c in contracts),
            triton.max_ir_version,
            detail=at,
        ),
        gate("preflight.precision", len(impossible), 0, detail={"impossible": impossible}),
        gate("preflight.onnxruntime_older", older, 0, detail=build),
        *_instructions(target),
    ]
    if target.device == "gpu":
        told = {"graph_gates": "measured on the CPU"}
        gates.append(gate("preflight.gpus", cuda_devices(), better="higher", detail=told))
    return gates


def _impossible(target: Target) -> Iterator[str]:
    """Yield a line for each precision that what runs a graph has no kernels for."""
    for name, precisions in target.precision.items():
        device = target.device_of(name)  # pins are embedded on the CPU, whatever the target
        for precision in precisions:
            if (name, precision) == ("pin_encoder", "bf16"):
                continue  # whether this machine runs it is for a gate to say
            if reason := (_ON_GPU if device == "gpu" else _ON_CPU).get(precision):
                yield f"{name} in {precision} on {device}: {reason}"


def _instructions(target: Target) -> Iterator[Gate]:
    if not target.instruction_set:
        return
    missing = sorted(set(target.instruction_set) - cpu_flags())
    if missing:
        logger.warning(
            "this machine's CPU lacks %s, which target %s names: what is measured here need not "
            "hold where it is served",
            ", ".join(missing), target.name,
        )  # fmt: skip
    detail = {"wanted": list(target.instruction_set), "missing": missing}
    yield gate("preflight.instructions_missing", len(missing), detail=detail)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
