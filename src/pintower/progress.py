"""Progress of long work, told to whoever listens.

Stages call :func:`track`; the command line decides how it looks (a bar on a terminal, a line every
few seconds elsewhere) by installing a listener. Without one, nothing is shown.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Protocol, TypeVar

__all__ = ["Listener", "listening", "track"]

T = TypeVar("T")


class Listener(Protocol):
    """What the command line implements to show progress."""

    def start(self, description: str, total: float | None, unit: str) -> int:
        """Begin a task and return its key."""

    def advance(self, key: int, amount: float) -> None:
        """Say that ``amount`` more units are done."""

    def finish(self, key: int) -> None:
        """End a task, done or not."""


_listener: Listener | None = None


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Send progress to ``listener`` inside the block; to nobody without one."""
    global _listener
    previous, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = previous


def track(
    items: Iterable[T],
    description: str,
    *,
    total: float | None = None,
    unit: str = "",
    weights: Iterable[float] | Callable[[T], float] | None = None,
) -> Generator[T, None, None]:
    """Yield ``items`` and report each as done when the next is asked for.

    Args:
        items: what to go through.
        description: a few words, shown beside the bar.
        total: units in all; without it the number of items where that is known.
        unit: what is counted ("pins", "pairs").
        weights: units each item stands for (a batch's size, say), or a function that tells them of
            an item; 1 each without it.
    """
    if total is None and weights is None:
        total = len(items) if isinstance(items, Sized) else None
    listener = _listener
    if listener is None:
        yield from items
        return
    key = listener.start(description, total, unit)
    try:
        given = None if weights is None or callable(weights) else iter(weights)
        for item in items:
            yield item
            if callable(weights):
                listener.advance(key, weights(item))
            else:
                listener.advance(key, 1 if given is None else next(given))
    finally:
        listener.finish(key)
