"""How a product is brought into eight bits: a scale for each channel, one range, scaled weights.

A few channels of a transformer's rows are far larger than the others, and one range for all of them
leaves the others a few steps. Dividing each channel by a factor and multiplying the weights' row by
it changes nothing in exact arithmetic and evens the channels out (SmoothQuant, Xiao et al. 2023,
https://arxiv.org/abs/2211.10438). How far to go is chosen here by what the product's result loses.

Scaled channels cost a node, and a weight scale for each column costs time in the product (both
measured in bench/LOG.md), so they are taken where they are needed to keep a budget of error.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pintower.export.int8.calibration import Calibration, choose_range

__all__ = ["ProductScale", "QuantizedWeight", "choose_scale", "quantize_weight"]

_STRENGTHS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_ROWS = 768
_SMALLEST = 1e-5


@dataclass(frozen=True)
class QuantizedWeight:
    """Weights in eight bits.

    Attributes:
        values: INT8 [K, N].
        scales: FP32 [N], one a column, or [] for all; values times scales are the weights.
    """

    values: NDArray[np.int8]
    scales: NDArray[np.float32]


@dataclass(frozen=True)
class ProductScale:
    """How a product's rows and weights are quantized.

    Attributes:
        channel: FP32 [K], what each channel of the rows is multiplied by; None for 1.
        columns: whether the weights have a scale a column, or one for all.
        step: of one quantization step of the rows, over all channels.
        zero: the step that stands for 0, 0 to 255.
        error: of the product's result, relative to its size (root mean square).
    """

    channel: NDArray[np.float32] | None
    columns: bool
    step: float
    zero: int
    error: float


def quantize_weight(weight: NDArray[np.float32], *, columns: bool = True) -> QuantizedWeight:
    """Quantize weights FP32 [K, N], symmetric, with one scale a column or one for all."""
    scales = np.abs(weight).max(axis=0 if columns else None) / 127
    scales = np.where(scales > 0, scales, 1.0).astype(np.float32)
    values = np.clip(np.rint(weight / scales), -127, 127).astype(np.int8)
    return QuantizedWeight(values, scales)


def choose_scale(
    rows: NDArray[np.float32],
    weight: NDArray[np.float32],
    method: Calibration,
    *,
    free: bool,
    max_error: float,
) -> ProductScale:
    """Choose the cheapest way to quantize a product that keeps a budget of error.

    Args:
        rows: calibration rows FP32 [R, K].
        weight: of every product that reads them, side by side, FP32 [K, N].
        method: of the range.
        free: whether what makes the rows can scale their channels at no cost.
        max_error: of the result, relative to its size; where no way keeps it, the most exact one
            is taken.
    """
    product = _Product(rows, weight)
    tried = []
    for columns, channels in _by_cost(*weight.shape, free=free):
        candidates = product.channels() if channels else [None]
        scales = [product.measure(channel, columns) for channel in candidates]
        tried.append(min(scales, key=_error))
        if tried[-1].error <= max_error:
            break
    chosen = tried[-1] if tried[-1].error <= max_error else min(tried, key=_error)
    if method == "minmax":
        return chosen
    return product.measure(chosen.channel, chosen.columns, method)


def _error(scale: ProductScale) -> float:
    return scale.error


def _by_cost(inner: int, outer: int, *, free: bool) -> list[tuple[bool, bool]]:
    """Return (weight scale a column, scaled channels), the cheapest first.

    Microseconds on 8 rows, ONNX Runtime 1.19, Zen 5: a product's columns take 1.5 a thousand, a
    node that scales channels 0.3, and 0.8 a thousand of them.
    """
    cost = {}
    for columns in (False, True):
        for channels in (False, True):
            scaling = 0.0 if free or not channels else 0.3 + 0.8 * inner / 1_000
            cost[columns, channels] = columns * 1.5 * outer / 1_000 + scaling
    return sorted(cost, key=lambda way: (cost[way], not way[1]))


class _Product:
    """Calibration rows and weights, and what their product loses in eight bits."""

    def __init__(self, rows: NDArray[np.float32], weight: NDArray[np.float32]) -> None:
        self.rows = rows
        self.weight = weight
        self.sample = rows[:: max(1, len(rows) // _ROWS)]
        self.exact = self.sample @ weight
        self.size = max(float(np.square(self.exact).mean()), 1e-20)

    def channels(self) -> Iterator[NDArray[np.float32]]:
        """Give channel scales of several strengths; their geometric mean is 1."""
        largest = np.maximum(np.abs(self.rows).max(axis=0), _SMALLEST)
        weights = np.maximum(np.abs(self.weight).max(axis=1), _SMALLEST)
        for strength in _STRENGTHS:
            factor = weights ** (1 - strength) / largest**strength
            yield (factor / np.exp(np.log(factor).mean())).astype(np.float32)

    def measure(
        self,
        channel: NDArray[np.float32] | None,
        columns: bool,
        method: Calibration = "minmax",
    ) -> ProductScale:
        """Fix the range of the rows and measure the error of the result."""
        scaled, shown, matrix = self.rows, self.sample, self.weight
        if channel is not None:
            scaled, shown, matrix = scaled * channel, shown * channel, matrix / channel[:, None]
        low, high = choose_range(scaled, method)
        step = max((high - low) / 255, _SMALLEST / 255)
        zero = int(np.clip(np.rint(-low / step), 0, 255))
        quantized = quantize_weight(matrix, columns=columns)
        approximate = np.clip(np.rint(shown / step) + zero, 0, 255) - zero
        result = (approximate.astype(np.float32) * np.float32(step)) @ (
            quantized.values.astype(np.float32) * quantized.scales
        )
        error = float(np.sqrt(np.square(result - self.exact).mean() / self.size))
        return ProductScale(channel, columns, step, zero, error)
