"""How a graph's weights are stored: fp32 as traced, or dynamic int8."""

import shutil
import tempfile
from pathlib import Path

from optimum.onnxruntime import AutoQuantizationConfig, ORTQuantizer
from transformers import PretrainedConfig

from pintower.contracts import GraphContract
from pintower.export.tracing import conform

__all__ = ["quantize_dynamic"]

_OPERATORS = ["MatMul", "Gemm", "Gather"]
"""Gather holds the token embeddings, in small encoders half of the weights."""


def quantize_dynamic(source: Path, target: Path, contract: GraphContract) -> None:
    """Write an int8 form of an fp32 graph: int8 weights, activations quantized as they come.

    Weights have one scale a column. Activations take their range from the whole tensor, so that an
    embedding moves with the batch it is in (which the batch gate measures).

    Args:
        source: the fp32 file.
        target: where the int8 file goes.
        contract: of both; inputs and outputs keep their types.
    """
    recipe = AutoQuantizationConfig.avx512_vnni(
        is_static=False, per_channel=True, operators_to_quantize=list(_OPERATORS)
    )
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".quantize-") as folder:
        # The config is only copied along; giving one keeps the quantizer from looking for it.
        quantizer = ORTQuantizer(source, config=PretrainedConfig())
        quantizer.quantize(recipe, save_dir=folder, file_suffix="int8")
        shutil.move(Path(folder) / f"{source.stem}_int8.onnx", target)
    conform(target, contract)
