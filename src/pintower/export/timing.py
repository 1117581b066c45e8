"""How long graphs take for one query, side by side."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pintower.models.onnx_session import OnnxGraph
from pintower.progress import track

__all__ = ["Latency", "time_side_by_side"]

_WARM_UP = 20


@dataclass(frozen=True)
class Latency:
    """Of one query at a time.

    Attributes:
        p50_ms: median, milliseconds.
        p99_ms: 99th percentile, milliseconds.
        calls: timed.
    """

    p50_ms: float
    p99_ms: float
    calls: int


def time_side_by_side(
    graphs: Mapping[str, OnnxGraph],
    queries: Mapping[str, Sequence[tuple[NDArray[Any], ...]]],
    *,
    rounds: int,
) -> dict[str, Latency]:
    """Run queries through each graph, one graph after the other, round after round.

    Args:
        graphs: loaded, by name.
        queries: the same ones for each graph, inputs of one query each as its own tokenizer makes
            them.
        rounds: how often each graph sees all queries; what disturbs the machine meanwhile is spread
            over all graphs.
    """
    taken: dict[str, list[float]] = {name: [] for name in graphs}
    for name, graph in graphs.items():
        for inputs in queries[name][:_WARM_UP]:
            graph.run(*inputs)
    for _ in track(range(rounds), "timing graphs", unit="rounds"):
        for name, graph in graphs.items():
            for inputs in queries[name]:
                begin = time.perf_counter()
                graph.run(*inputs)
                taken[name].append(time.perf_counter() - begin)
    return {
        name: Latency(
            p50_ms=float(np.percentile(values, 50) * 1e3),
            p99_ms=float(np.percentile(values, 99) * 1e3),
            calls=len(values),
        )
        for name, values in taken.items()
    }
