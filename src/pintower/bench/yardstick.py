"""A fixed piece of work that has nothing to do with pintower: how fast the machine is just now.

Serving is arithmetic, Python and waking other processes, and so is this: a product of small
matrices, a loop, and messages to another process and back.
"""

import math
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

__all__ = ["paced", "yardstick"]

Result = TypeVar("Result")

_PIECES = 150
_ECHO = "import os\nwhile os.write(1, os.read(0, 1)): pass"


def paced(measure: Callable[[], Result]) -> tuple[Result, float]:
    """Return what a measurement gives, and the yardstick around it, the mean of before and after.

    A shared machine changes its pace within seconds.
    """
    before = yardstick()
    result = measure()
    return result, math.sqrt(before * yardstick())


def yardstick() -> float:
    """Return the milliseconds that the piece takes now, the median of many."""
    random = np.random.default_rng(0)
    left = random.normal(size=(16, 384)).astype(np.float32)
    right = random.normal(size=(384, 1536)).astype(np.float32)
    taken = []
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _ECHO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as echo:
        assert echo.stdin and echo.stdout
        for _ in range(_PIECES):
            begin = time.perf_counter()
            left @ right
            sum(number & 7 for number in range(4_000))
            for _ in range(4):
                echo.stdin.write(b".")
                echo.stdout.read(1)
            taken.append(time.perf_counter() - begin)
        echo.stdin.close()
    return 1e3 * float(np.median(taken))
