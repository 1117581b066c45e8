"""How a product's rows are brought into eight bits: a scale for each channel, then one range.

A few channels of a transformer's rows are far larger than the others, and one range for all of them
leaves the others a few steps. Dividing each channel by a factor and multiplying the weights' row by
it changes nothing in exact arithmetic and evens the channels out (SmoothQuant, Xiao et al. 2023,
https://arxiv.org/abs/2211.10438). How far to go is chosen here by what the product's result loses.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pintower.export.int8.calibration import Calibration, choose_range

__all__ = ["QuantizedWeight", "RowScale", "choose_scale", "quantize_weight"]

_STRENGTHS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_ROWS = 768
_WORTH_A_NODE = 2 / 3
_SMALLEST = 1e-5


@dataclass(frozen=True)
class QuantizedWeight:
    """Weights in eight bits.

    Attributes:
        values: INT8 [K, N].
        scales: FP32 [N], one a column; values times scales are the weights.
    """

    values: NDArray[np.int8]
    scales: NDArray[np.float32]


@dataclass(frozen=True)
class RowScale:
    """How rows are quantized.

    Attributes:
        channel: FP32 [K], what each channel is multiplied by; None for 1.
        step: of one quantization step, over all channels.
        zero: the step that stands for 0, 0 to 255.
        error: of the product's result, relative to its size (root mean square).
    """

    channel: NDArray[np.float32] | None
    step: float
    zero: int
    error: float


def quantize_weight(weight: NDArray[np.float32]) -> QuantizedWeight:
    """Quantize weights FP32 [K, N], symmetric, one scale a column."""
    scales = np.abs(weight).max(axis=0) / 127
    scales = np.where(scales > 0, scales, 1.0).astype(np.float32)
    values = np.clip(np.rint(weight / scales), -127, 127).astype(np.int8)
    return QuantizedWeight(values, scales)


def choose_scale(
    rows: NDArray[np.float32],
    weight: NDArray[np.float32],
    method: Calibration,
    *,
    free: bool,
) -> RowScale:
    """Choose how rows are quantized before a product, by the error of its result.

    Scaling channels costs a node where nothing before the product can do it; then it has to make
    the error at least a third smaller.

    Args:
        rows: calibration rows FP32 [R, K].
        weight: of every product that reads them, side by side, FP32 [K, N].
        method: of the range.
        free: whether what makes the rows can scale them at no cost.
    """
    sample = rows[:: max(1, len(rows) // _ROWS)]
    exact = sample @ weight
    largest = np.maximum(np.abs(rows).max(axis=0), _SMALLEST)
    weights = np.maximum(np.abs(weight).max(axis=1), _SMALLEST)
    plain = _measure(rows, sample, weight, exact, None)
    tried = []
    for strength in _STRENGTHS:
        factor = weights ** (1 - strength) / largest**strength
        channel = (factor / np.exp(np.log(factor).mean())).astype(np.float32)
        tried.append(_measure(rows, sample, weight, exact, channel))
    best = min(tried, key=lambda scale: scale.error)
    chosen = best if best.error < plain.error * (1 if free else _WORTH_A_NODE) else plain
    if method == "minmax":
        return chosen
    return _measure(rows, sample, weight, exact, chosen.channel, method)


def _measure(
    rows: NDArray[np.float32],
    sample: NDArray[np.float32],
    weight: NDArray[np.float32],
    exact: NDArray[np.float32],
    channel: NDArray[np.float32] | None,
    method: Calibration = "minmax",
) -> RowScale:
    scaled, shown, matrix = rows, sample, weight
    if channel is not None:
        scaled, shown, matrix = rows * channel, sample * channel, weight / channel[:, None]
    low, high = choose_range(scaled, method)
    step = max((high - low) / 255, _SMALLEST / 255)
    zero = int(np.clip(np.rint(-low / step), 0, 255))
    quantized = quantize_weight(matrix)
    approximate = np.clip(np.rint(shown / step) + zero, 0, 255) - zero
    result = (approximate.astype(np.float32) * np.float32(step)) @ (
        quantized.values.astype(np.float32) * quantized.scales
    )
    error = float(np.sqrt(np.square(result - exact).mean() / max(np.square(exact).mean(), 1e-20)))
    return RowScale(channel, step, zero, error)
