"""Encoders in ONNX Runtime and torch, on a GPU or, for a rehearsal, on the CPU."""

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
import torch
from onnx import numpy_helper
from torch import nn

from pintower.errors import SetupError
from pintower.export.graphs import EncoderGraph
from pintower.models.encoders import load_encoder

from .section import Emit, Settings, told

__all__ = ["Providers", "at_length", "load_module", "open_session", "prepare_libraries"]

Providers = Sequence[tuple[str, Mapping[str, str]]]
_TENSORRT = ("libnvinfer.so.10", "libnvinfer_plugin.so.10", "libnvonnxparser.so.10")


def prepare_libraries(settings: Settings, emit: Emit) -> None:
    """Load CUDA's libraries, torch's own first, and TensorRT's, where ONNX Runtime finds them.

    What cannot be loaded is told; who does without it is measured all the same.
    """
    if settings.device == "cpu":
        torch.set_num_threads(1)
        return
    with told(emit, {"libraries": "CUDA, by torch"}):
        torch.zeros(1, device="cuda")
    with told(emit, {"libraries": "CUDA, by ONNX Runtime"}):
        ort.preload_dlls()
    if settings.tensorrt is not None:
        with told(emit, {"libraries": "TensorRT"}):
            for name in _TENSORRT:
                ctypes.CDLL(str(settings.tensorrt / name), mode=ctypes.RTLD_GLOBAL)


def open_session(graph: Path | bytes, providers: Providers) -> ort.InferenceSession:
    """Open a graph on the first of the providers, the others for what it does not take.

    Raises:
        SetupError: if ONNX Runtime fell back to a later one without saying so.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    source = graph if isinstance(graph, bytes) else str(graph)
    session = ort.InferenceSession(
        source, options, providers=[(name, dict(given)) for name, given in providers]
    )
    opened = session.get_providers()
    if opened[0] != providers[0][0]:
        raise SetupError(f"{providers[0][0]} could not be opened; ONNX Runtime took {opened[0]}.")
    return session


def at_length(path: Path, tokens: int) -> bytes:
    """Return a query encoder's graph that takes rows of up to ``tokens`` tokens.

    A graph for a GPU computes every place of its row, so that one of the served width would take
    the same time for any query. A graph for the CPU cuts to the longest query by itself; of it
    only the width of the row is changed.
    """
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.name.startswith("entrance.longest"):
            values = values * 0 + tokens
        elif tensor.name.startswith("entrance.places"):
            values = values[:tokens]
        else:
            continue
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = tokens + 1
    serialized: bytes = model.SerializeToString()
    return serialized


def load_module(folder: Path, device: str, dtype: torch.dtype) -> nn.Module:
    """Return an encoder from token ids to the unit embedding, as it is traced for the export."""
    module: Any = EncoderGraph(load_encoder(folder)).eval()
    loaded: nn.Module = module.to(device=device, dtype=dtype)
    return loaded
