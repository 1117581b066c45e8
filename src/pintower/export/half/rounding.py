"""What a GPU makes of an fp16 graph, on a CPU.

ONNX Runtime's CPU provider has no fp16 products. It computes them in fp32 and casts only where it
must, so a measurement there sees the weights' rounding and little else. A GPU adds up in fp32 as
well, but it stores every tensor in fp16. This module writes an fp32 graph that does the same:
behind each node of the fp16 graph its result is rounded to fp16, and what fp16 cannot hold becomes
infinite. Inside a fused attention nothing is rounded.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pintower.export.half.convert import casts_to, typed

__all__ = ["write_rounded"]

_MOVES = ("Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split",
          "Squeeze", "Transpose", "Unsqueeze", "Where")  # fmt: skip
"""Operators that hand values on as they are."""


def write_rounded(source: Path, target: Path) -> None:
    """Write the fp32 graph that rounds where an fp16 graph stores.

    Args:
        source: an fp16 file.
        target: where the other goes.
    """
    model = onnx.load(source)
    half = _half_tensors(model)
    graph = model.graph
    nodes = []
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(_widened(tensor))
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.t.data_type == TensorProto.FLOAT16:
                attribute.t.CopyFrom(_widened(attribute.t))
        if node.op_type in (*_MOVES, "Constant", "ConstantOfShape"):
            nodes.append(node)
            continue
        if casts_to(node, TensorProto.FLOAT16):
            node.attribute[0].i = TensorProto.FLOAT
        exact = {name: f"{name}.exact" for name in node.output if name in half}
        node.output[:] = [exact.get(name, name) for name in node.output]
        nodes.append(node)
        for name, given in exact.items():
            stored = f"{name}.stored"
            nodes += [
                helper.make_node("Cast", [given], [stored], to=TensorProto.FLOAT16),
                helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT),
            ]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, target)


def _half_tensors(model: onnx.ModelProto) -> set[str]:
    infos = typed(model, TensorProto.FLOAT16).graph.value_info
    return {item.name for item in infos if item.type.tensor_type.elem_type == TensorProto.FLOAT16}


def _widened(tensor: onnx.TensorProto) -> onnx.TensorProto:
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name)
