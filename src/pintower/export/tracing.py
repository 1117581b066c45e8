"""From a torch module to an ONNX file that is what its contract says."""

import warnings
from pathlib import Path
from typing import Any, ClassVar

import onnx
import torch
from optimum.exporters.onnx import export
from optimum.exporters.onnx.config import TextEncoderOnnxConfig
from optimum.utils import DummyInputGenerator, NormalizedTextConfig

from pintower.contracts import DType, GraphContract, Tensor
from pintower.export.graphs import EncoderGraph, ScorerGraph

__all__ = ["conform", "trace"]

_AXIS_SIZES = {"batch": 2, "length": 9, "pins": 3}
"""Sizes the graph is traced at; any other size must do as well, which the gates measure."""

_TORCH_TYPES: dict[DType, torch.dtype] = {"INT64": torch.int64, "FP32": torch.float32}


class _ContractInputs(DummyInputGenerator):  # type: ignore[misc]
    """Gives a contract's inputs to the tracer: token ids and masks of ones, seeded floats."""

    SUPPORTED_INPUT_NAMES = ()

    def __init__(self, contract: GraphContract) -> None:
        self.tensors = {tensor.name.lower(): tensor for tensor in contract.inputs}

    def supports_input(self, input_name: str) -> bool:
        return input_name in self.tensors

    def generate(self, input_name: str, framework: str = "pt", **_: Any) -> Any:
        tensor = self.tensors[input_name]
        shape = [dim if isinstance(dim, int) else _AXIS_SIZES[dim] for dim in tensor.shape]
        dtype = _TORCH_TYPES[tensor.dtype]
        if dtype is torch.int64:
            values = torch.ones(shape, dtype=dtype)
        else:
            values = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        # optimum asks for arrays where it runs the file to learn a width that tracing left open.
        return values.numpy() if framework == "np" else values


class _ContractOnnxConfig(TextEncoderOnnxConfig):  # type: ignore[misc]
    """Tells optimum a graph's names and varying axes, from the contract."""

    NORMALIZED_CONFIG_CLASS = NormalizedTextConfig
    contract: ClassVar[GraphContract]

    @property
    def inputs(self) -> dict[str, dict[int, str]]:
        return {tensor.name.lower(): _varying(tensor) for tensor in self.contract.inputs}

    @property
    def outputs(self) -> dict[str, dict[int, str]]:
        return {tensor.name: _varying(tensor) for tensor in self.contract.outputs}

    def _create_dummy_input_generator_classes(self, **_: Any) -> list[DummyInputGenerator]:
        return [_ContractInputs(self.contract)]


def trace(graph: EncoderGraph | ScorerGraph, contract: GraphContract, path: Path) -> None:
    """Write a graph as an fp32 ONNX file that its contract describes.

    Args:
        graph: takes the contract's inputs, in lower case, and returns its outputs by name.
        contract: resolved.
        path: of the file.
    """
    config_class = type("GraphOnnxConfig", (_ContractOnnxConfig,), {"contract": contract})
    config = config_class(graph.config, task="feature-extraction")
    with warnings.catch_warnings():
        # The tracer warns of every Python branch it follows; the parity gates measure what it made.
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        # A decoder's mask is looked up by position, which is never negative.
        warnings.filterwarnings("ignore", message="Exporting aten::index operator")
        # optimum calls torch's older exporter by intent; torch says so twice.
        legacy = r"optimum\.exporters|torch\.onnx"
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=legacy)
        export(graph.eval(), config, path, opset=contract.opset)
    conform(path, contract)


def conform(path: Path, contract: GraphContract) -> None:
    """Give a file's tensors the contract's names, axes and IR version, in place.

    What the graph computes, and the tensors' types and fixed widths where they were known, stay.
    """
    model = onnx.load(path)
    names = {tensor.name.lower(): tensor.name for tensor in contract.inputs}
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    for value in model.graph.input:
        value.name = names.get(value.name, value.name)
    tensors = {tensor.name: tensor for tensor in (*contract.inputs, *contract.outputs)}
    for value in (*model.graph.input, *model.graph.output):
        if value.name in tensors:
            _name_axes(value, tensors[value.name])
    model.ir_version = contract.ir_version
    onnx.save(model, path)


def _name_axes(value: onnx.ValueInfoProto, tensor: Tensor) -> None:
    dims = value.type.tensor_type.shape.dim
    if len(dims) != len(tensor.shape):
        return
    for dim, wanted in zip(dims, tensor.shape, strict=True):
        known = dim.dim_value if dim.HasField("dim_value") else None
        if isinstance(wanted, str) or known is None:
            dim.Clear()
            if isinstance(wanted, int):
                dim.dim_value = wanted
            else:
                dim.dim_param = wanted


def _varying(tensor: Tensor) -> dict[int, str]:
    return {axis: dim for axis, dim in enumerate(tensor.shape) if isinstance(dim, str)}
