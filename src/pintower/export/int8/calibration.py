"""Activations on real texts, and the range each is quantized in."""

import contextlib
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnxruntime.quantization.calibrate import HistogramCollector

from pintower.export.int8.network import Network

__all__ = ["Activations", "Calibration", "choose_range", "record"]

Calibration = Literal["minmax", "percentile", "entropy"]

Activations = dict[str, NDArray[np.float32]]
"""Rows FP32 [R, K] of each recorded tensor, padding left out."""

_LEFT_OUT = 0.01
_BINS = 2048


def record(
    network: Network,
    tensors: Sequence[str],
    batches: Sequence[tuple[NDArray[Any], ...]],
    folder: Path,
) -> Activations:
    """Run token ids through an fp32 graph and keep tensors on the way.

    Args:
        network: the graph; it is written to ``folder`` with more outputs, and not changed.
        tensors: names of tensors FP32 [B, L, K].
        batches: token ids and masks, INT64 [B, L] each, and whatever else the graph takes.
        folder: for a file.
    """
    path = folder / "recorded.onnx"
    network.save(path)
    model = onnx.load(path)
    wanted = list(dict.fromkeys(tensors))
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in wanted
    )
    onnx.save(model, path)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_inputs()]
    kept: dict[str, list[NDArray[np.float32]]] = {name: [] for name in wanted}
    for batch in batches:
        rows = batch[1].astype(bool)
        feeds = dict(zip(names, batch, strict=True))
        for name, value in zip(wanted, session.run(wanted, feeds), strict=True):
            kept[name].append(value[rows])
    path.unlink()
    return {name: np.concatenate(parts) for name, parts in kept.items()}


def choose_range(values: NDArray[np.float32], method: Calibration) -> tuple[float, float]:
    """Return the range that eight bits are to cover, zero included.

    Args:
        values: activations, any shape.
        method: ``minmax`` covers all; ``percentile`` leaves out 0.01 %, half at each end;
            ``entropy`` loses the least information (Kullback-Leibler, as ONNX Runtime calibrates).
    """
    if method == "minmax":
        low, high = float(values.min()), float(values.max())
    elif method == "percentile":
        low, high = np.percentile(values, (_LEFT_OUT / 2, 100 - _LEFT_OUT / 2)).tolist()
    else:
        low, high = _entropy_range(values)
    return min(low, 0.0), max(high, 0.0)


def _entropy_range(values: NDArray[np.float32]) -> tuple[float, float]:
    collector = HistogramCollector(
        method="entropy",
        symmetric=False,
        num_bins=_BINS,
        num_quantized_bins=256,
        percentile=None,
        scenario="same",
    )
    # It prints what it does.
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of empty bins
        collector.collect({"values": values})
        low, high = collector.compute_collection_result()["values"][:2]
    return float(np.ravel(low)[0]), float(np.ravel(high)[0])
