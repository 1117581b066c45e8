"""How the command line looks: logs and progress on stderr, results on stdout."""

import io
import json
import logging
import signal
import sys
import time
from typing import Any

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from pintower.progress import Listener

__all__ = ["fail", "print_json", "set_up_logging", "stderr", "stdout", "take_interrupts"]

# A user's texts and paths are printed as they are, "[bold]" and ":smile:" in them too.
stdout = Console(
    highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 120
)
stderr = Console(stderr=True, highlight=False, markup=False, emoji=False)

_INTERVAL = 10.0


class _Bars:
    """A bar a task, on a terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} {task.fields[unit]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=stderr,
            transient=True,
        )

    def start(self, description: str, total: float | None, unit: str) -> int:
        self._progress.start()
        return self._progress.add_task(description, total=total or 0, unit=unit)

    def advance(self, key: int, amount: float) -> None:
        self._progress.advance(TaskID(key), amount)

    def finish(self, key: int) -> None:
        self._progress.remove_task(TaskID(key))
        if not self._progress.tasks:
            self._progress.stop()


class _Lines:
    """A line every few seconds, where stderr is no terminal."""

    def __init__(self) -> None:
        self._tasks: dict[int, dict[str, Any]] = {}

    def start(self, description: str, total: float | None, unit: str) -> int:
        key = len(self._tasks)
        now = time.monotonic()
        self._tasks[key] = {
            "text": description, "total": total, "unit": unit, "done": 0.0, "began": now,
            "said": now,
        }  # fmt: skip
        return key

    def advance(self, key: int, amount: float) -> None:
        task = self._tasks[key]
        task["done"] += amount
        now = time.monotonic()
        if now - task["said"] < _INTERVAL:
            return
        task["said"] = now
        rate = task["done"] / (now - task["began"])
        line = f"{task['text']}: {task['done']:,.0f}"
        pace = f"{rate:,.0f}/s" if rate >= 1 else f"{1 / rate:.0f} s each"
        if task["total"]:
            left = (task["total"] - task["done"]) / rate
            line += f" of {task['total']:,.0f} {task['unit']}, {pace}, {left:.0f} s left"
        else:
            line += f" {task['unit']}, {pace}"
        logging.getLogger("pintower").info(line)

    def finish(self, key: int) -> None:
        self._tasks[key]["said"] = time.monotonic()


def set_up_logging() -> Listener:
    """Send the library's logs to stderr and return the listener for its progress."""
    for stream in (sys.stdout, sys.stderr):  # a terminal may know few letters
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    handler: logging.Handler
    if stderr.is_terminal:  # lines above the bars
        handler = RichHandler(console=stderr, show_path=False, show_level=False)
        handler.setFormatter(logging.Formatter("%(message)s", "%H:%M:%S"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("pintower")
    logger.setLevel(logging.INFO)
    logger.handlers = [handler]
    logger.propagate = False
    return _Bars() if stderr.is_terminal else _Lines()


def take_interrupts() -> None:
    """Let SIGINT raise KeyboardInterrupt, even where a shell's ``&`` had it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def fail(message: str) -> None:
    """Say on stderr what went wrong."""
    sys.stderr.write(f"error: {message}\n")


def print_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
