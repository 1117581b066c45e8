"""How fast the machine is just now: a fixed piece of work that has nothing to do with pintower.

A shared machine changes its pace within seconds, so the piece runs while a measurement runs, every
now and then, and what counts is the processor time that it took: waiting for a core while the
measured load has both is no slowness of the machine.
"""

import threading
import time
from types import TracebackType
from typing import Self

import numpy as np
from threadpoolctl import threadpool_limits

__all__ = ["Yardstick"]

_PAUSE = 0.04
"""Seconds between two pieces, each of which takes a fraction of a millisecond."""

_FEWEST = 5


class Yardstick:
    """Takes the machine's pace as long as its block runs; a context manager."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self._left = random.normal(size=(16, 384)).astype(np.float32)
        self._right = random.normal(size=(384, 1536)).astype(np.float32)
        self._taken: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._take, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def milliseconds(self, begin: float = 0.0, end: float = float("inf")) -> float:
        """Return the processor time of a piece, the median of those within a time.

        Args:
            begin: seconds since the epoch.
            end: likewise. Where fewer than five pieces fell between, all count.
        """
        within = [taken for at, taken in self._taken if begin <= at <= end]
        if len(within) < _FEWEST:
            within = [taken for _, taken in self._taken]
        return 1e3 * float(np.median(within))

    def _take(self) -> None:
        with threadpool_limits(1):
            self._piece()  # warm
            while True:
                at, begin = time.time(), time.thread_time()
                self._piece()
                self._taken.append((at, time.thread_time() - begin))
                if self._over.wait(_PAUSE) and len(self._taken) >= _FEWEST:
                    return

    def _piece(self) -> None:
        for _ in range(2):
            self._left @ self._right
            sum(number & 7 for number in range(4_000))
