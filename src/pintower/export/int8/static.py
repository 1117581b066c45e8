"""Static int8 of an encoder: every activation scale fixed beforehand, on real texts."""

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pintower.export.choice import NoSuchForm
from pintower.export.int8.calibration import Calibration, record
from pintower.export.int8.layer_norms import split_layer_norms
from pintower.export.int8.network import CONTRIB, Network
from pintower.export.int8.positions import fold_positions
from pintower.export.int8.rewrite import (
    effective_weight,
    fold_residual_offsets,
    group_by_source,
    quantize_site_group,
    quantize_tables,
    scale_values,
)
from pintower.export.int8.scales import ProductScale, choose_scale
from pintower.export.int8.sites import find_sites

__all__ = ["Prepared", "TokenBatches", "prepare", "write_int8"]

TokenBatches = Sequence[tuple[NDArray[Any], ...]]
"""Token ids and masks, INT64 [B, L] each, then feature vectors FP32 [B, Q] if there are any."""


@dataclass(frozen=True)
class Prepared:
    """A fused graph with what calibration found out about it.

    Attributes:
        source: the fused fp32 file.
        scales: of each group of products, by the name of the tensor they read.
        groups: names of the products in each group, by the same.
    """

    source: Path
    scales: dict[str, ProductScale]
    groups: dict[str, list[str]]


def prepare(
    source: Path, texts: TokenBatches, method: Calibration, *, max_error: float
) -> Prepared:
    """Choose how each product is quantized.

    Args:
        source: the fused fp32 file.
        texts: to calibrate on.
        method: of the ranges.
        max_error: of a product's result, relative to its size.

    Raises:
        NoSuchForm: if the graph has no product that can be in int8.
    """
    network = Network.load(source)
    split_layer_norms(network)
    groups = group_by_source(find_sites(network))
    if not groups:
        raise NoSuchForm("int8: the graph has no product of a kind that is quantized")
    with tempfile.TemporaryDirectory(dir=source.parent, prefix=".calibrate-") as folder:
        rows = record(network, list(groups), texts, Path(folder))
    scales = {
        tensor: choose_scale(
            rows[tensor],
            np.concatenate([effective_weight(site) for site in sites], axis=1),
            method,
            free=sites[0].source.values is not None,
            max_error=max_error,
        )
        for tensor, sites in groups.items()
    }
    names = {tensor: [site.name for site in sites] for tensor, sites in groups.items()}
    return Prepared(source, scales, names)


def write_int8(prepared: Prepared, target: Path, *, keep: Collection[str] = ()) -> None:
    """Write the int8 graph.

    Args:
        prepared: scales of its products.
        target: the file.
        keep: names of the groups' tensors whose products stay in fp32.
    """
    network = Network.load(prepared.source)
    split_layer_norms(network)
    for tensor, sites in group_by_source(find_sites(network)).items():
        channel = prepared.scales[tensor].channel
        attention = sites[0].source.values
        if tensor not in keep and channel is not None and attention is not None:
            scale_values(network, attention, channel)
    for tensor, sites in group_by_source(find_sites(network)).items():
        if tensor not in keep:
            quantize_site_group(network, sites, prepared.scales[tensor])
    fold_residual_offsets(network)
    fold_positions(network)
    quantize_tables(network)
    approximate_gelu(network)
    network.save(target)


def approximate_gelu(network: Network) -> None:
    """Use GELU's tanh form, at most 5e-4 away: ONNX Runtime 1.19 takes half the time for it."""
    for node in network.nodes:
        if node.op_type == "Gelu" and node.domain == CONTRIB:
            node.op_type = "FastGelu"
