"""The command ``pintower``, also ``python -m pintower``.

An interrupt ends it in one line from its first moment on: importing the rest takes a second.
"""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line and exit."""
    signal.signal(signal.SIGINT, _leave)
    from pintower.cli import main as run

    run()


def _leave(signum: int, frame: FrameType | None) -> NoReturn:
    """End at once: nothing has begun."""
    sys.stderr.write("error: interrupted\n")
    sys.stderr.flush()
    os._exit(130)


if __name__ == "__main__":
    main()
