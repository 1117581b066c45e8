"""Fewer, larger nodes: attention as one operator, where ONNX Runtime's optimizer knows it."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_model
from optimum.utils import NormalizedConfigManager, NormalizedTextConfig
from transformers import PretrainedConfig

from pintower.contracts import GraphContract
from pintower.errors import RepositoryError
from pintower.export.int8.network import CONTRIB
from pintower.export.tracing import conform
from pintower.models.onnx_session import RUN_ERRORS, open_graph

__all__ = ["fuse"]

logger = logging.getLogger(__name__)

_TOLERANCE = 1e-4


def fuse(
    source: Path,
    target: Path,
    config: PretrainedConfig,
    contract: GraphContract,
    texts: Sequence[tuple[NDArray[Any], ...]],
) -> None:
    """Write a form of an fp32 encoder in which attention and GELU are one operator each.

    What the optimizer does not recognize stays as it was traced. It has been seen to recognize more
    than it can express (attention with a relative position bias), so the fused graph is run beside
    the traced one, and dropped where they differ. Layer normalization and token embeddings are left
    apart: the int8 passes take them up in a form of their own.

    Args:
        source: the traced file.
        target: where the fused file goes.
        config: of the backbone; its heads and hidden size tell attention's shape.
        contract: of both.
        texts: what the graph takes of texts to compare them on, padded ones among them.
    """
    options = FusionOptions("bert")
    options.enable_embed_layer_norm = False
    options.enable_skip_layer_norm = False
    options.enable_bias_skip_layer_norm = False
    options.enable_bias_gelu = False
    options.enable_rotary_embeddings = False
    fused = optimize_model(
        str(source),
        "bert",
        **_attention_shape(config),
        optimization_options=options,
        opt_level=0,
    )
    fused.topological_sort()
    domains = {item.domain for item in fused.model.opset_import}
    if CONTRIB not in domains:
        fused.model.opset_import.append(onnx.helper.make_opsetid(CONTRIB, 1))
    onnx.save(fused.model, target)
    conform(target, contract)
    if (difference := _difference(source, target, contract, texts)) > _TOLERANCE:
        logger.warning(
            "the fused %s differs from the traced one by %.2g; it stays as it was traced",
            contract.name, difference,
        )  # fmt: skip
        shutil.copyfile(source, target)


def _attention_shape(config: PretrainedConfig) -> dict[str, int]:
    """Return heads and width of attention, whatever a family calls them; 0 where it has none."""
    try:
        kind = NormalizedConfigManager.get_normalized_config_class(config.model_type)
    except KeyError:
        kind = NormalizedTextConfig
    normalized = kind(config)
    return {
        "num_heads": int(getattr(normalized, "num_attention_heads", 0) or 0),
        "hidden_size": int(getattr(normalized, "hidden_size", 0) or 0),
    }


def _difference(
    source: Path,
    target: Path,
    contract: GraphContract,
    texts: Sequence[tuple[NDArray[Any], ...]],
) -> float:
    """Return the largest difference of any element; infinite where the fused graph can't run."""
    traced, largest = open_graph(source, contract), 0.0
    try:
        fused = open_graph(target, contract)
        for batch in texts:
            given, wanted = fused.run(*batch)[0], traced.run(*batch)[0]
            largest = max(largest, float(np.nan_to_num(np.abs(given - wanted), nan=np.inf).max()))
    except (RepositoryError, *RUN_ERRORS):
        return float(np.inf)
    return largest
