"""The int8 form of an encoder's graph: products, attention and token embeddings."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from pintower.export.int8.network import CONTRIB, Network
from pintower.export.int8.scales import ProductScale, quantize_weight
from pintower.export.int8.sites import Site

__all__ = [
    "effective_weight",
    "fold_residual_offsets",
    "group_by_source",
    "quantize_site_group",
    "quantize_tables",
    "scale_values",
]

_TABLE_ROWS = 1_000
"""Look-up tables with fewer rows stay as they are: they are small, and every token adds them."""


def effective_weight(site: Site) -> NDArray[np.float32]:
    """Return the weights FP32 [K, N] that a site's source, rather than its input, is given to."""
    if site.source.weight is None:
        return site.weight
    product: NDArray[np.float32] = site.source.weight[:, None] * site.weight
    return product


def quantize_site_group(network: Network, sites: Sequence[Site], scale: ProductScale) -> None:
    """Replace products that read the same rows by int8 ones.

    Args:
        network: rewritten in place.
        sites: at least one; all with the same source.
        scale: of the rows. Rows that come from attention's values are scaled already, see
            :func:`scale_values`.
    """
    rows = sites[0].source.tensor
    if scale.channel is not None and sites[0].source.values is None:
        rows = network.add("Mul", [rows, network.weight("channel_scale", scale.channel)])
    step = network.weight("row_step", np.array(scale.step, np.float32))
    zero = network.weight("row_zero", np.array(scale.zero, np.uint8))
    quantized = network.add("QuantizeLinear", [rows, step, zero])
    for site in sites:
        _quantize(network, site, quantized, (step, zero), scale)


def _quantize(
    network: Network, site: Site, rows: str, row_scale: tuple[str, str], scale: ProductScale
) -> None:
    matrix = effective_weight(site)
    bias = site.bias
    if site.source.bias is not None:
        offset = site.source.bias @ site.weight
        bias = offset if bias is None else bias + offset
    if scale.channel is not None:
        matrix = matrix / scale.channel[:, None]
    weight = quantize_weight(matrix, columns=scale.columns)
    step, zero = row_scale
    values = network.weight("weight", weight.values)
    scales = network.weight("weight_scale", weight.scales)
    weight_zero = network.weight("weight_zero", np.zeros(weight.scales.shape, np.int8))
    offsets = "" if bias is None else network.weight("bias", bias.astype(np.float32))
    network.remove(site.node)
    if site.bias_node is not None:
        network.remove(site.bias_node)
    if site.kind == "product":
        network.add(
            "MatMulIntegerToFloat",
            [rows, values, step, scales, zero, weight_zero, offsets],
            site.output,
            domain=CONTRIB,
        )
        return
    mask = site.node.input[3] if len(site.node.input) > 3 else ""
    heads = {item.name: helper.get_attribute_value(item) for item in site.node.attribute}
    network.add(
        "QAttention",
        [rows, values, offsets, step, scales, mask, zero, weight_zero],
        site.output,
        domain=CONTRIB,
        num_heads=heads["num_heads"],
    )


def scale_values(network: Network, attention: onnx.NodeProto, channel: NDArray[np.float32]) -> None:
    """Let an attention's value projection give its rows scaled, FP32 [K] a channel."""
    for position in (1, 2):
        scaled = network.weights[attention.input[position]].copy()
        scaled[..., -len(channel) :] *= channel
        attention.input[position] = network.weight("scaled_values", scaled)


def fold_residual_offsets(network: Network) -> None:
    """Move a residual connection's offset into the bias of the product it is added to.

    ``product + (z * weight + offset)`` becomes ``(product + offset) + z * weight``: one node less.
    """
    products = {
        node.output[0]: node for node in network.nodes if node.op_type == "MatMulIntegerToFloat"
    }
    for node in [node for node in network.nodes if node.op_type == "Add"]:
        for own, other in ((0, 1), (1, 0)):
            product = products.get(node.input[own])
            offset = network.maker(node.input[other])
            if product is None or offset is None or offset.op_type != "Add":
                continue
            if offset.input[1] not in network.weights or not product.input[6]:
                continue
            if len(network.readers(offset.output[0])) > 1:
                continue
            if len(network.readers(product.output[0])) > 1:
                continue
            bias = network.weights[product.input[6]] + network.weights[offset.input[1]]
            product.input[6] = network.weight("bias", bias)
            node.input[other] = offset.input[0]
            network.remove(offset)
            break


def quantize_tables(network: Network) -> None:
    """Store large look-up tables of token embeddings in int8, one scale a channel."""
    for node in [node for node in network.nodes if node.op_type == "Gather"]:
        table = network.weights.get(node.input[0])
        if table is None or table.ndim != 2 or table.dtype != np.float32:
            continue
        if len(table) < _TABLE_ROWS:
            continue
        quantized = quantize_weight(table)
        network.remove(node)
        rows = network.add("Gather", [network.weight("table", quantized.values), node.input[1]])
        floats = network.add("Cast", [rows], to=1)
        network.add(
            "Mul", [floats, network.weight("table_scale", quantized.scales)], node.output[0]
        )


def group_by_source(sites: Sequence[Site]) -> Mapping[str, list[Site]]:
    """Return the sites that read the same rows together, in the graph's order."""
    groups: dict[str, list[Site]] = {}
    for site in sites:
        groups.setdefault(site.source.tensor, []).append(site)
    return groups
