"""A section of the bench: what it is given, how it tells what it found, and how it is run.

Each section is a process of its own. It tells its rows one by one, so that a crash, a hang or a
GPU that is lost ends that section alone, and its last row says why.
"""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

__all__ = ["Budget", "Emit", "Row", "Section", "Settings", "followed", "read_rows", "told"]

Row = dict[str, Any]
Emit = Callable[[Row], None]
GRACE_SECONDS = 20.0
_POLL_SECONDS = 2.0
_SHOWN = 400


@dataclass(frozen=True)
class Settings:
    """What every section is given.

    Attributes:
        carry: the folder that ``prepare.sh`` made.
        device: ``cuda``, or ``cpu`` for a rehearsal.
        quick: few cells and few calls.
        seconds: the section may take.
        tensorrt: folder of TensorRT's libraries, where there is one.
        any_onnxruntime: serve with whichever ONNX Runtime the server's environment has.
    """

    carry: Path
    device: Literal["cuda", "cpu"]
    quick: bool
    seconds: float
    tensorrt: Path | None = None
    any_onnxruntime: bool = False


Section = Callable[[Settings, Emit], None]


class Budget:
    """The seconds of a section, counted from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def require(self) -> None:
        """Refuse to begin anything else once the time is over.

        Raises:
            TimeoutError: if it is.
        """
        if time.monotonic() > self._end:
            raise TimeoutError(f"not begun: the section's {self.seconds:.0f} s were over")


@contextmanager
def told(emit: Emit, row: Mapping[str, Any]) -> Iterator[None]:
    """Let a failure inside become a row with its reason, whatever raises it.

    What runs here is other people's: compilers, drivers and execution providers have no error in
    common, and none of them may drop the competitors behind it.
    """
    try:
        yield
    except Exception as error:
        emit({**row, "reason": f"{type(error).__name__}: {error}"[:_SHOWN]})


def followed(
    name: str, section: Section, settings: Settings, rows: Path, changed: Callable[[], None]
) -> None:
    """Run a section in a process and wait for it; how it failed, if it did, is its last row.

    Args:
        name: of the section, in every row.
        section: a function of a module.
        settings: with the seconds it may take.
        rows: file its rows go to, one JSON document a line.
        changed: called whenever there are new rows.
    """
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(name, section, settings, rows)
    )
    end, size = time.monotonic() + settings.seconds + GRACE_SECONDS, 0
    process.start()
    try:
        while process.is_alive() and time.monotonic() < end:
            process.join(_POLL_SECONDS)
            if rows.is_file() and rows.stat().st_size > size:
                size = rows.stat().st_size
                changed()
        late = process.is_alive()
    finally:
        _end(process)
    if late:
        _append(rows, {"section": name, "reason": f"stopped after {settings.seconds:.0f} s"})
    elif process.exitcode:
        reason = f"its process ended with exit code {process.exitcode}"
        _append(rows, {"section": name, "reason": reason})
    changed()


def read_rows(path: Path) -> list[Row]:
    """Return the rows told so far; a line that a killed process left unfinished is left out."""
    text = path.read_text("utf-8") if path.is_file() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("}\n")]


def _end(process: BaseProcess) -> None:
    """End a section and what it started; a server ends by itself when who started it is gone."""
    if process.pid is not None and process.is_alive():
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.join()


def _run(name: str, section: Section, settings: Settings, rows: Path) -> None:
    os.setsid()

    def emit(row: Row) -> None:
        if "reason" in row:  # says the same wherever the folder lies
            row = {**row, "reason": row["reason"].replace(f"{settings.carry}/", "")}
        _append(rows, {"section": name, **row})

    with told(emit, {}):
        section(settings, emit)


def _append(path: Path, row: Row) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
