"""An encoder's fp32 graph in fp16, its inputs and outputs as they were."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from pintower.contracts import GraphContract
from pintower.export.half.kept import kept_in_fp32
from pintower.export.int8.network import Network
from pintower.export.tracing import conform

__all__ = ["casts_to", "typed", "write_half"]


_ADDED = "_cast_to_fp16_node"
"""How the conversion names the casts that it puts behind nodes that stay in fp32."""


def write_half(source: Path, target: Path, contract: GraphContract) -> None:
    """Write an fp16 form of an fp32 encoder.

    Weights and nearly all that is computed are fp16 (what is not: :mod:`.kept`), so that the file
    halves and a GPU's half-precision units do the products. Constants that fp16 cannot hold end at
    65504, the mask's -3.4e38 among them.

    Args:
        source: the fp32 file, as traced or fused.
        target: where the fp16 file goes.
        contract: of both; inputs and outputs keep their types.
    """
    model = onnx.load(source)
    kept = kept_in_fp32(model)
    half = convert_float_to_float16(
        typed(model, TensorProto.FLOAT),
        keep_io_types=True,
        disable_shape_infer=True,
        op_block_list=list(DEFAULT_OP_BLOCK_LIST),
        node_block_list=kept,
    )
    network = Network(half)
    _join_casts(network)
    network.save(target)
    conform(target, contract)


def typed(model: onnx.ModelProto, own: int) -> onnx.ModelProto:
    """Return a copy in which tensors' types are told, as far as they can be inferred.

    Args:
        model: an encoder's graph.
        own: type of what ONNX Runtime's own operators give; nothing can be inferred of them.
    """
    known = {item.name for item in onnx.shape_inference.infer_shapes(model).graph.value_info}
    result = onnx.ModelProto()
    result.CopyFrom(model)
    for node in model.graph.node:
        if not _has_schema(node, model):
            result.graph.value_info.extend(
                helper.make_tensor_value_info(name, own, None)
                for name in node.output
                if name and name not in known
            )
    return onnx.shape_inference.infer_shapes(result)


def casts_to(node: onnx.NodeProto, kind: int) -> bool:
    """Return whether a node is a Cast to a type."""
    return node.op_type == "Cast" and int(helper.get_node_attr_value(node, "to")) == kind


def _has_schema(node: onnx.NodeProto, model: onnx.ModelProto) -> bool:
    version = {item.domain: item.version for item in model.opset_import}.get(node.domain, 0)
    return bool(version) and onnx.defs.has(node.op_type, version, node.domain)


def _join_casts(network: Network) -> None:
    """Let fp32 nodes hand fp32 to each other.

    The conversion ends each of them with a cast to fp16 and starts the next with one back.
    """
    outputs = {item.name for item in network.model.graph.output}
    for cast in [node for node in network.nodes if casts_to(node, TensorProto.FLOAT)]:
        narrowed = network.maker(cast.input[0])
        if narrowed is None or not narrowed.name.endswith(_ADDED):
            continue
        (exact,), (widened,) = narrowed.input, cast.output
        network.remove(cast)
        if widened in outputs:
            for maker in network.nodes:
                maker.output[:] = [widened if name == exact else name for name in maker.output]
            exact, widened = widened, exact
        for reader in network.readers(widened):
            reader.input[:] = [exact if name == widened else name for name in reader.input]
