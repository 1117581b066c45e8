"""A perf_analyzer process: run to its end, and not waited for where it came to a halt.

perf_analyzer sometimes never begins: a wake-up of its threads is lost, and it waits for ever.
A pass that the server has seen nothing of is started again; one that stops half-way is an error.
"""

import logging
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pintower.errors import PintowerError

__all__ = ["HaltedError", "run_once_begun"]

logger = logging.getLogger(__name__)

_ATTEMPTS = 3
_STALL_SECONDS = 15.0
"""A pass of which the server sees nothing for so long has come to a halt."""


class HaltedError(PintowerError):
    """perf_analyzer has come to a halt.

    Attributes:
        sent_nothing: the server saw nothing of the pass.
    """

    def __init__(self, sent_nothing: bool) -> None:
        super().__init__(
            f"perf_analyzer came to a halt: the server saw nothing for {_STALL_SECONDS:g} s. "
            "Measure again."
        )
        self.sent_nothing = sent_nothing


def run_once_begun(
    command: Sequence[str],
    variables: Mapping[str, str],
    folder: Path,
    timeout: float,
    seen: Callable[[], object] | None,
) -> None:
    """Run a pass, started again where it did not begin.

    Args:
        command: of perf_analyzer.
        variables: its environment.
        folder: where it runs.
        timeout: seconds that it may take.
        seen: gives the server's counters; without it a halt is not noticed before the timeout.

    Raises:
        HaltedError: if it stops half-way, or does not begin three times.
        PintowerError: if it fails or takes too long.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _run(command, variables, folder, timeout, seen)
        except HaltedError as halted:
            if not halted.sent_nothing or attempt == _ATTEMPTS:
                raise
            logger.warning("perf_analyzer did not begin; starting it again")


def _run(
    command: Sequence[str],
    variables: Mapping[str, str],
    folder: Path,
    timeout: float,
    seen: Callable[[], object] | None,
) -> None:
    logger.debug("Running %s", " ".join(command))
    first = last = None if seen is None else seen()
    deadline = time.monotonic() + timeout
    with subprocess.Popen(
        command,
        cwd=folder,
        env=dict(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while True:
                left = deadline - time.monotonic()
                try:
                    wait = left if seen is None else min(left, _STALL_SECONDS)
                    stdout, stderr = process.communicate(timeout=max(wait, 0.0))
                    break
                except subprocess.TimeoutExpired:
                    if deadline <= time.monotonic():
                        raise PintowerError(
                            f"perf_analyzer did not finish within {timeout:g} s; send fewer rows."
                        ) from None
                    before, last = last, None if seen is None else seen()
                    if seen is not None and last == before:
                        raise HaltedError(sent_nothing=last == first) from None
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        lines = [line for line in (stderr + "\n" + stdout).splitlines() if line.strip()]
        said = [line for line in lines if line.lower().startswith(("error", "failed"))]
        raise PintowerError(
            f"perf_analyzer ended with exit code {process.returncode}:\n  "
            + "\n  ".join((said or lines)[:5])
        )
