"""What stays in fp32 when an encoder's graph is put in fp16, and why.

fp16 has 11 bits and ends at 65504. Products, layer normalization and softmax bear that: their GPU
kernels add up in fp32. These don't:

- pooling, projection and normalization of the embedding: cheap, and all of it hangs on them;
- a normalization that tracing took apart (RMS norm): it squares its rows, and 256 squared is 65536.
  The model's code computes it in fp32; a trace in fp32 no longer says so;
- angles of rotary positions: next to position 1024 fp16 knows whole numbers only;
- whatever becomes an integer (buckets of relative positions): rounded, it is another integer.
"""

from collections.abc import Iterable

import onnx
from onnx import TensorProto, helper

__all__ = ["kept_in_fp32"]

_BACKBONE = "/encoder.0/"
"""Scope of the transformer's own nodes; what comes behind it is pooling and the modules after."""

_WHOLE = ("LayerNormalization", "SimplifiedLayerNormalization", "SkipLayerNormalization")
"""Normalizations that are one operator."""

_ANGLES = ("Cos", "Sin")

_INTEGERS = (TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL)


def kept_in_fp32(model: onnx.ModelProto) -> list[str]:
    """Return the names of an encoder's nodes that have to stay in fp32.

    Args:
        model: as traced, with the names that tracing gives; fused nodes may stand among them.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    backbone = [node for node in model.graph.node if node.name.startswith(_BACKBONE)]
    kept = {
        id(node): node
        for node in model.graph.node
        if _is_behind_the_backbone(node) or _is_part_of_a_norm(node)
    }
    kept |= _before((node for node in backbone if _wants_fp32(node)), makers)
    constants = {
        id(node): node
        for node in model.graph.node
        if node.op_type == "Constant"
        and readers.get(node.output[0])
        and all(id(reader) in kept for reader in readers[node.output[0]])
    }
    return [node.name for node in model.graph.node if id(node) in kept | constants]


def _is_behind_the_backbone(node: onnx.NodeProto) -> bool:
    return node.name.startswith("/") and not node.name.startswith(_BACKBONE)


def _is_part_of_a_norm(node: onnx.NodeProto) -> bool:
    scopes = node.name.lower().split("/")[:-1]
    return node.op_type not in _WHOLE and any("norm" in scope for scope in scopes)


def _wants_fp32(node: onnx.NodeProto) -> bool:
    if node.op_type == "Cast":
        return helper.get_node_attr_value(node, "to") in _INTEGERS
    return node.op_type in _ANGLES


def _before(
    nodes: Iterable[onnx.NodeProto], makers: dict[str, onnx.NodeProto]
) -> dict[int, onnx.NodeProto]:
    """Return nodes with all whose values they depend on; a shape depends on none."""
    found: dict[int, onnx.NodeProto] = {}
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if id(node) not in found:
            found[id(node)] = node
            if node.op_type != "Shape":
                waiting += [makers[name] for name in node.input if name in makers]
    return found
