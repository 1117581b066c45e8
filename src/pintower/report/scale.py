"""Axes: where on a track a value stands, and which round numbers stand below it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Scale", "Tick", "scale_over"]

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Tick:
    """A round number on an axis.

    Attributes:
        place: per cent of the track's width.
        text: the number.
    """

    place: float
    text: str


@dataclass(frozen=True)
class Scale:
    """A linear axis.

    Attributes:
        low: at the left end.
        high: at the right end.
        step: between two ticks.
    """

    low: float
    high: float
    step: float

    def place(self, value: float) -> float:
        """Return where a value stands, per cent of the track's width, never outside it."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)

    @property
    def ticks(self) -> list[Tick]:
        """The round numbers, from left to right."""
        digits = max(0, math.ceil(-math.log10(self.step) - 1e-9))
        if round(self.step * 10**digits, 6) % 1:  # a step of 2.5, 0.25, ...
            digits += 1
        count = round((self.high - self.low) / self.step)
        values = [self.low + self.step * position for position in range(count + 1)]
        return [
            Tick(self.place(value), f"{value:.{digits}f}".replace("-", "−")) for value in values
        ]


def scale_over(values: Iterable[float], *, intervals: int = 4) -> Scale:
    """Return the scale over all values with ends on round numbers.

    Args:
        values: at least one.
        intervals: about so many between the ticks; at most one more than this.
    """
    found = list(values)
    low, high = min(found), max(found)
    span = high - low or abs(high) or 1.0
    size = 10 ** math.floor(math.log10(span / intervals))
    step = next(size * step for step in _STEPS if size * step * intervals >= span * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    return Scale(round(first * step, 10), round(last * step, 10), step)
