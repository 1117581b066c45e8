"""Where an encoder multiplies by weights: the products that int8 is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray

from pintower.export.int8.network import CONTRIB, Network

__all__ = ["Site", "Source", "find_sites"]


@dataclass(frozen=True)
class Source:
    """Where a site's input comes from, as far as it can be scaled a channel at a time.

    Attributes:
        tensor: what is quantized: ``x``, or ``z`` where ``x = z * weight + bias``.
        weight: of the layer normalization, FP32 [K]; None where there is none.
        bias: of the layer normalization, FP32 [K]; None where there is none.
        values: the fused attention whose value rows can be scaled instead, if it is one.
    """

    tensor: str
    weight: NDArray[np.float32] | None = None
    bias: NDArray[np.float32] | None = None
    values: onnx.NodeProto | None = None


@dataclass(frozen=True)
class Site:
    """A product with fixed weights.

    Attributes:
        name: of the weights, as in the encoder; sensitivity and choices go by it.
        kind: ``product``, or ``attention`` for the fused operator with its three projections.
        node: the product.
        source: of its input.
        weight: FP32 [K, N].
        bias: FP32 [N]; None where the product has none.
        bias_node: the Add behind a product that holds its bias.
    """

    name: str
    kind: Literal["product", "attention"]
    node: onnx.NodeProto
    source: Source
    weight: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    bias_node: onnx.NodeProto | None = None

    @property
    def output(self) -> str:
        """The tensor that the site makes, its bias included."""
        node = self.node if self.bias_node is None else self.bias_node
        return str(node.output[0])


def find_sites(network: Network) -> list[Site]:
    """Return the products of tokens' rows with fixed weights, in the graph's order.

    Projections behind the pooling (``Gemm``) and of feature vectors are left out: they are small,
    and every query's embedding hangs on them.
    """
    sites = []
    for node in network.nodes:
        if len(node.input) < 2 or node.input[1] not in network.weights:
            continue
        weight = network.weights[node.input[1]]
        if weight.ndim != 2 or weight.dtype != np.float32 or not network.reads_tokens(node):
            continue
        source = _source(network, node.input[0])
        if node.op_type == "MatMul":
            bias_node, bias = _bias(network, node)
            name = _stem(node.output[0])
            sites.append(Site(name, "product", node, source, weight, bias, bias_node))
        elif node.op_type == "Attention" and node.domain == CONTRIB:
            bias = network.weights.get(node.input[2])
            name = _stem(node.output[0])
            sites.append(Site(name, "attention", node, source, weight, bias))
    return sites


def _source(network: Network, tensor: str) -> Source:
    """Return what a site reads: layer normalization taken apart, an attention, or the tensor."""
    maker = network.maker(tensor)
    if maker is None:
        return Source(tensor)
    if maker.op_type == "Attention" and maker.domain == CONTRIB:
        only = len(network.readers(tensor)) == 1
        return Source(tensor, values=maker if only else None)
    bias = None
    if maker.op_type == "Add" and maker.input[1] in network.weights:
        bias = network.weights[maker.input[1]]
        maker = network.maker(maker.input[0])
    if maker is not None and maker.op_type == "Mul" and maker.input[1] in network.weights:
        normal = network.maker(maker.input[0])
        if normal is not None and normal.op_type == "MeanVarianceNormalization":
            return Source(maker.input[0], network.weights[maker.input[1]], bias)
    return Source(tensor)


def _bias(
    network: Network, node: onnx.NodeProto
) -> tuple[onnx.NodeProto | None, NDArray[np.float32] | None]:
    readers = network.readers(node.output[0])
    if len(readers) == 1 and readers[0].op_type == "Add":
        for name in readers[0].input:
            if name in network.weights and network.weights[name].ndim == 1:
                return readers[0], network.weights[name]
    return None, None


def _stem(tensor: str) -> str:
    """Return a readable name: the layer's path without what tracing adds."""
    parts: Sequence[str] = tensor.strip("/").split("/")
    return ".".join(part for part in parts if not part.endswith("_output_0"))
