"""Dynamic int8: weights in eight bits, activations quantized batch by batch as they come."""

import logging
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from pintower.contracts import GraphContract
from pintower.export.choice import NoSuchForm
from pintower.export.int8.network import Network
from pintower.export.tracing import conform

__all__ = ["write_dynamic_int8"]

_OPERATORS = ["MatMul", "Attention", "Gather"]
"""Gather holds the token embeddings, in small encoders half of the weights. Projections behind the
pooling (Gemm) stay in fp32: they are small, and every query's embedding hangs on them."""


def write_dynamic_int8(source: Path, target: Path, contract: GraphContract) -> None:
    """Write an int8 form of an fp32 graph.

    Weights have one scale a column. Activations take their range from the whole tensor, so that an
    embedding moves with the batch it is in (which the invariance gates measure).

    Args:
        source: the fused fp32 file.
        target: where the int8 file goes.
        contract: of both; inputs and outputs keep their types.

    Raises:
        NoSuchForm: if the graph has no product that can be in int8.
    """
    if not _has_products(Network.load(source)):
        raise NoSuchForm("int8: the graph has no product of a kind that is quantized")
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises, through the root logger, to do what was done here
    try:
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=list(_OPERATORS),
            nodes_to_exclude=_of_features(source),
            per_channel=True,
            weight_type=QuantType.QInt8,
            # The fused operators' outputs have no type that it could infer.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
    finally:
        root.setLevel(level)
    conform(target, contract)


def _has_products(network: Network) -> bool:
    """Whether some activation is multiplied with a weight."""
    weights = {weight.name for weight in network.model.graph.initializer}
    return any(
        node.op_type in ("MatMul", "Attention") and weights & set(node.input)
        for node in network.nodes
    )


def _of_features(source: Path) -> list[str]:
    """Return the names of products that read feature vectors: small, so they stay in fp32."""
    network = Network.load(source)
    products = [node for node in network.nodes if node.op_type == "MatMul"]
    return [node.name for node in products if not network.reads_tokens(node)]
