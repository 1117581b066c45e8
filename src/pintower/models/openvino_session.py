"""Running a graph in OpenVINO, its products in bfloat16, with the calls of ONNX Runtime's session.

ONNX Runtime's CPU provider has no bfloat16. OpenVINO reads the same file in fp32 and rounds weights
and activations as it loads it, where the CPU has instructions for that.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pintower.errors import RepositoryError, SetupError
from pintower.serving.machine import cpu_flags

__all__ = ["OpenVinoSession", "open_sessions"]

_PRECISION = "bf16"
_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")
"""OpenVINO says of any AVX-512 that it has bf16, and imitates these where they are missing."""


_TILE = 16
"""Rows of a tile of AMX; attention over a length that fills none takes a fifth longer."""
_SHAPES = 16
_COPIES_BYTES = 2**32

Shapes = tuple[tuple[int, ...], ...]
"""Of a graph's inputs, in the order of their names."""


@dataclass(frozen=True)
class _Loaded:
    """A file's graph, loaded once more for every shape of its inputs that is asked for.

    Attributes:
        core: of OpenVINO.
        model: as it was read.
        settings: that it is loaded with.
        bytes: of the file.
        lock: held while it is loaded for a shape.
        fixed: what was loaded, by the inputs' shapes.
    """

    core: Any
    model: Any
    settings: Mapping[str, Any]
    bytes: int
    lock: Lock = field(default_factory=Lock)
    fixed: dict[Shapes, Any] = field(default_factory=dict)

    def request(self, feeds: Mapping[str, NDArray[Any]]) -> Any:
        """Return a new request for inputs of the shapes of some."""
        with self.lock:
            shapes = _shapes(feeds)
            if shapes not in self.fixed:
                model = self.model.clone()
                model.reshape({name: list(array.shape) for name, array in feeds.items()})
                self.fixed[shapes] = self.core.compile_model(model, "CPU", self.settings)
            return self.fixed[shapes].create_infer_request()


@dataclass(frozen=True)
class OpenVinoSession:
    """One request of a loaded graph: as many run side by side as were opened.

    Attributes:
        request: of OpenVINO, for inputs of any shape.
        loaded: what it is a request of.
        fixed: this session's requests for inputs of one shape.
    """

    request: Any
    loaded: _Loaded
    fixed: dict[Shapes, "OpenVinoSession"] = field(default_factory=dict)

    def run(self, outputs: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return the outputs asked for, in memory of their own."""
        self.request.infer(dict(feeds), share_inputs=True)
        return [self.request.get_tensor(name).data.copy() for name in outputs]

    def of_shapes(self, feeds: Mapping[str, NDArray[Any]]) -> "OpenVinoSession":
        """Return the session for inputs of the shapes of some; the first call loads the graph."""
        shapes = _shapes(feeds)
        if shapes not in self.fixed:
            self.fixed[shapes] = OpenVinoSession(self.loaded.request(feeds), self.loaded)
        return self.fixed[shapes]

    def length_step(self, limit: int) -> int | None:
        """Return what lengths are to be rounded up to, so that few shapes come often.

        Args:
            limit: tokens of the longest row.

        Returns:
            A whole number of tiles, at most 16 steps up to the limit; None where the weights, held
            once more for each of them in half the file's bytes, would take more than 4 GiB.
        """
        step = _TILE * -(-limit // (_TILE * _SHAPES))
        copies = -(-limit // step)
        return step if copies * self.loaded.bytes // 2 <= _COPIES_BYTES else None


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
    # Its binding to NumPy is made at the first array, and two threads that make it wait for good.
    openvino.Tensor(np.zeros(1, dtype=np.float32))
    core = openvino.Core()
    try:
        model = core.read_model(str(path))
        compiled = core.compile_model(model, "CPU", settings)
    except RuntimeError as error:
        raise RepositoryError(
            f"OpenVINO {openvino.__version__} cannot load {path}: {error}"
        ) from error
    loaded = _Loaded(core, model, settings, path.stat().st_size)
    return [OpenVinoSession(compiled.create_infer_request(), loaded) for _ in range(count)]


def _shapes(feeds: Mapping[str, NDArray[Any]]) -> Shapes:
    return tuple(feeds[name].shape for name in sorted(feeds))


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
