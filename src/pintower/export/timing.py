"""How long graphs and look-ups take for one query, side by side."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pintower.progress import track

__all__ = ["Call", "Latency", "time_side_by_side"]

_WARM_UP = 20


@dataclass(frozen=True)
class Call:
    """Something that is timed.

    Attributes:
        run: takes the inputs of one query.
        inputs: of each query.
    """

    run: Callable[..., object]
    inputs: Sequence[tuple[Any, ...]]


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


def time_side_by_side(calls: Mapping[str, Call], *, rounds: int) -> dict[str, Latency]:
    """Run queries through each call, one call after the other, round after round.

    Args:
        calls: by name, with the same queries, as each takes them.
        rounds: how often each sees all queries; what disturbs the machine meanwhile is spread over
            all calls.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for inputs in call.inputs[:_WARM_UP]:
            call.run(*inputs)
    for _ in track(range(rounds), "timing graphs", unit="rounds"):
        for name, call in calls.items():
            for inputs in call.inputs:
                begin = time.perf_counter()
                call.run(*inputs)
                taken[name].append(time.perf_counter() - begin)
    return {
        name: Latency(
            p50_ms=float(np.percentile(values, 50) * 1e3),
            p99_ms=float(np.percentile(values, 99) * 1e3),
            calls=len(values),
        )
        for name, values in taken.items()
    }
