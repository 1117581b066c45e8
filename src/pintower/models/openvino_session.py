"""Running a graph in OpenVINO, its products in bfloat16, with the calls of ONNX Runtime's session.

ONNX Runtime's CPU provider has no bfloat16. OpenVINO reads the same file in fp32 and rounds weights
and activations as it loads it, where the CPU has instructions for that.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pintower.errors import RepositoryError, SetupError
from pintower.serving.machine import cpu_flags

__all__ = ["OpenVinoSession", "open_sessions"]

_PRECISION = "bf16"
_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")
"""OpenVINO says of any AVX-512 that it has bf16, and imitates these where they are missing."""


@dataclass(frozen=True)
class OpenVinoSession:
    """One request of a loaded graph: as many run side by side as were opened.

    Attributes:
        request: of OpenVINO.
    """

    request: Any

    def run(self, outputs: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return the outputs asked for, in memory of their own."""
        self.request.infer(dict(feeds), share_inputs=True)
        return [self.request.get_tensor(name).data.copy() for name in outputs]


def open_sessions(path: Path, count: int, *, threads: int) -> list[OpenVinoSession]:
    """Load an ONNX file on the CPU, once, for several threads.

    Args:
        path: of the file.
        count: requests that run side by side.
        threads: inside each of them.

    Raises:
        SetupError: if OpenVINO is not installed, or the CPU has no products in bfloat16.
        RepositoryError: if OpenVINO cannot load the file.
    """
    openvino = _import_openvino()
    if cpu_flags().isdisjoint(_INSTRUCTIONS):
        raise SetupError(
            f"This CPU has no products in bf16: it lacks {' and '.join(_INSTRUCTIONS)}. Take one "
            "that has, or build with the pin encoder in another precision (--pin-precision)."
        )
    settings = {
        "INFERENCE_PRECISION_HINT": _PRECISION,
        "NUM_STREAMS": count,
        "INFERENCE_NUM_THREADS": count * threads,
        # Processes beside each other would pin their threads to the same cores.
        "ENABLE_CPU_PINNING": False,
    }
    try:
        compiled = openvino.Core().compile_model(str(path), "CPU", settings)
    except RuntimeError as error:
        raise RepositoryError(
            f"OpenVINO {openvino.__version__} cannot load {path}: {error}"
        ) from error
    return [OpenVinoSession(compiled.create_infer_request()) for _ in range(count)]


def _import_openvino() -> Any:
    """Import OpenVINO without its reports to its makers.

    Importing it sends one, by a process that it forks, which Lance and Ray do not bear.

    Raises:
        SetupError: if it is not installed.
    """
    reporter = "openvino_telemetry"
    kept = sys.modules.get(reporter)
    sys.modules[reporter] = None  # type: ignore[assignment]  # not installed, as far as it can tell
    try:
        import openvino
    except ImportError:
        raise SetupError(
            "Products in bf16 are OpenVINO's, which is not installed: "
            "pip install 'pintower[openvino]'."
        ) from None
    finally:
        if kept is None:
            del sys.modules[reporter]
        else:
            sys.modules[reporter] = kept
    return openvino
