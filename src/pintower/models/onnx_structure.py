"""What an ONNX file really takes and gives, in the contract's words."""

from collections.abc import Iterable
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from pintower.contracts import Dim, DType, GraphContract, Tensor
from pintower.errors import RepositoryError

__all__ = ["ELEMENT_TYPES", "read_graph", "weight_bytes"]

ELEMENT_TYPES: dict[int, DType] = {
    onnx.TensorProto.BOOL: "BOOL",
    onnx.TensorProto.INT32: "INT32",
    onnx.TensorProto.INT64: "INT64",
    onnx.TensorProto.FLOAT16: "FP16",
    onnx.TensorProto.FLOAT: "FP32",
    onnx.TensorProto.STRING: "BYTES",
}
"""ONNX element types, as the contracts call them."""


def read_graph(path: Path) -> GraphContract:
    """Return an ONNX file's inputs, outputs, operator set and IR version; named after the file.

    An axis without a name is called ``?``, one that varies has the name the file gives it.

    Raises:
        RepositoryError: if the file is absent, is not an ONNX model, or has tensors of a type
            that no contract knows.
    """
    model = _load(path)
    opsets = {item.domain: item.version for item in model.opset_import}
    held = {tensor.name for tensor in model.graph.initializer}
    given = [value for value in model.graph.input if value.name not in held]
    return GraphContract(
        name=path.stem,
        opset=opsets.get("", 0),
        ir_version=model.ir_version,
        inputs=tuple(_tensors(path, given)),
        outputs=tuple(_tensors(path, model.graph.output)),
    )


def weight_bytes(path: Path) -> int:
    """Return the size of a file's weights, in bytes."""
    return sum(
        len(tensor.raw_data) or tensor.ByteSize() for tensor in _load(path).graph.initializer
    )


def _load(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(path, load_external_data=False)
    except FileNotFoundError:
        raise RepositoryError(f"{path} does not exist.") from None
    except DecodeError as error:
        raise RepositoryError(f"{path} is not an ONNX model: {error}.") from None
    if not model.graph.output:
        raise RepositoryError(f"{path} is not an ONNX model: its graph has no output.")
    return model


def _tensors(path: Path, values: Iterable[onnx.ValueInfoProto]) -> Iterable[Tensor]:
    for value in values:
        kind = value.type.tensor_type
        if kind.elem_type not in ELEMENT_TYPES:
            name = onnx.TensorProto.DataType.Name(kind.elem_type)
            raise RepositoryError(f"{path}: {value.name} is {name}; no contract has that type.")
        shape: tuple[Dim, ...] = tuple(
            dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?"
            for dim in kind.shape.dim
        )
        yield Tensor(name=value.name, dtype=ELEMENT_TYPES[kind.elem_type], shape=shape)
