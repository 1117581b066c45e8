"""From a torch module to an ONNX file that is what its contract says."""

import contextlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from torch import nn
from torch.onnx.errors import UnsupportedOperatorError
from transformers import PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

from pintower.contracts import DType, GraphContract, Tensor
from pintower.errors import StudentError

__all__ = ["conform", "trace"]

_AXIS_SIZES = {"batch": 2, "length": 9, "pins": 3}
"""Sizes the graph is traced at; any other size must do as well, which the gates measure."""

_TORCH_TYPES: dict[DType, torch.dtype] = {"INT64": torch.int64, "FP32": torch.float32}


def trace(graph: nn.Module, contract: GraphContract, path: Path) -> None:
    """Write a graph as an fp32 ONNX file that its contract describes.

    Traced by torch's older exporter: what the newer one makes of an encoder is no faster in ONNX
    Runtime and has no attention that its optimizer knows (``bench/LOG.md``).

    Args:
        graph: takes the contract's inputs, in lower case, and returns its outputs by name.
        contract: resolved.
        path: of the file.

    Raises:
        StudentError: naming the operator or the code that has no ONNX form.
    """
    tensors = (*contract.inputs, *contract.outputs)
    names = [tensor.name.lower() for tensor in contract.inputs]
    inputs = {
        name: _traced_with(tensor) for name, tensor in zip(names, contract.inputs, strict=True)
    }
    varying = {
        tensor.name.lower() if tensor in contract.inputs else tensor.name: _varying(tensor)
        for tensor in tensors
    }
    with (
        torch.no_grad(),
        _eager_attention(graph),
        warnings.catch_warnings(),
        _no_dump(),
    ):
        # The tracer warns of every Python branch it follows, of itself as the older of two, and of
        # what a model's code does: the gates measure what it made.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                graph.eval(),
                (inputs,),
                path,
                input_names=names,
                output_names=[tensor.name for tensor in contract.outputs],
                dynamic_axes=varying,
                opset_version=contract.opset,
                dynamo=False,
            )
        except Exception as error:  # the code that is traced is of any family of models
            raise StudentError(
                f"The {contract.name} cannot be written as an ONNX graph of opset "
                f"{contract.opset}: {_reason(error)}. Not supported."
            ) from error
    conform(path, contract)


@contextlib.contextmanager
def _no_dump() -> Iterator[None]:
    """Keep the exporter from writing the whole graph to stdout, a user's results, where it fails.

    Its switch (``_jit_set_onnx_log_enabled``) is set again by the exporter itself.
    """
    log = torch._C._jit_onnx_log
    torch._C._jit_onnx_log = lambda *_: None
    try:
        yield
    finally:
        torch._C._jit_onnx_log = log


def _reason(error: Exception) -> str:
    """Return what stopped the exporter: an operator's name, or the first line of its message."""
    if isinstance(error, UnsupportedOperatorError):
        operator = re.search(r"operator '([^']+)'", str(error))
        return f"it has no form of {operator[1]}" if operator else str(error).splitlines()[0]
    lines = str(error).strip().splitlines()
    return f"torch's exporter ends in {type(error).__name__}: {lines[0] if lines else ''}"


@contextlib.contextmanager
def _eager_attention(graph: nn.Module) -> Iterator[None]:
    """Compute attention by single operators inside the block, with a mask that is added.

    ONNX Runtime's optimizer knows that form. torch's own attention operator takes a mask of truth
    values from transformers 5 on, which is traced to a Where and an IsNaN for each layer.
    """
    configs = [
        module.config
        for module in graph.modules()
        if isinstance(module, PreTrainedModel) and module.config._attn_implementation is not None
    ]
    before = [config._attn_implementation for config in configs]
    mask = ALL_MASK_ATTENTION_FUNCTIONS["eager"]
    try:
        for config in configs:
            config._attn_implementation = "eager"
        # Masks are made by broadcasting: what vmap does inside a trace ends in an error.
        ALL_MASK_ATTENTION_FUNCTIONS["eager"] = lambda **named: mask(**{**named, "use_vmap": False})
        yield
    finally:
        del ALL_MASK_ATTENTION_FUNCTIONS["eager"]
        for config, name in zip(configs, before, strict=True):
            config._attn_implementation = name


def _traced_with(tensor: Tensor) -> torch.Tensor:
    """Return an input to trace with: token ids and masks of ones, seeded floats."""
    shape = [dim if isinstance(dim, int) else _AXIS_SIZES[dim] for dim in tensor.shape]
    dtype = _TORCH_TYPES[tensor.dtype]
    if dtype is torch.int64:
        return torch.ones(shape, dtype=dtype)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


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
