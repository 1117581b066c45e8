"""Fewer, larger nodes: attention as one operator, where ONNX Runtime's optimizer knows it."""

from pathlib import Path

import onnx
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_model
from transformers import PretrainedConfig

from pintower.contracts import GraphContract
from pintower.export.int8.network import CONTRIB
from pintower.export.tracing import conform

__all__ = ["fuse"]


def fuse(source: Path, target: Path, config: PretrainedConfig, contract: GraphContract) -> None:
    """Write a form of an fp32 encoder in which attention and GELU are one operator each.

    What the optimizer does not recognize stays as it was traced. Layer normalization and token
    embeddings are left apart: the int8 passes take them up in a form of their own.

    Args:
        source: the traced file.
        target: where the fused file goes.
        config: of the backbone; its heads and hidden size tell attention's shape.
        contract: of both.
    """
    options = FusionOptions("bert")
    options.enable_embed_layer_norm = False
    options.enable_skip_layer_norm = False
    options.enable_bias_skip_layer_norm = False
    options.enable_bias_gelu = False
    fused = optimize_model(
        str(source),
        "bert",
        num_heads=int(getattr(config, "num_attention_heads", 0) or 0),
        hidden_size=int(getattr(config, "hidden_size", 0) or 0),
        optimization_options=options,
        opt_level=0,
    )
    fused.topological_sort()
    domains = {item.domain for item in fused.model.opset_import}
    if CONTRIB not in domains:
        fused.model.opset_import.append(onnx.helper.make_opsetid(CONTRIB, 1))
    onnx.save(fused.model, target)
    conform(target, contract)
