"""A competitor's process, seen from here."""

import json
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pintower.errors import SetupError

from .competitors import Competitor
from .environments import PeerEnvironment

__all__ = ["Worker"]

_BENCH = Path(__file__).resolve().parent.parent
_STOP_SECONDS = 10


class Worker:
    """One loaded competitor; a context manager."""

    def __init__(
        self, competitor: Competitor, environment: PeerEnvironment, core: int | None
    ) -> None:
        """Start the process; :meth:`__enter__` waits until it has loaded."""
        self.competitor = competitor
        self.encoder_only = False
        self._errors = tempfile.TemporaryFile()
        spec = json.dumps({**competitor.spec, "core": core})
        self._process = subprocess.Popen(
            environment.command("workers", competitor.loader, spec),
            cwd=_BENCH,
            env=environment.variables(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Self:
        try:
            self.encoder_only = bool(self._receive()["encoder_only"])
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def ask(self, do: str, **arguments: Any) -> Any:
        """Return the answer to one command of ``workers``.

        Raises:
            SetupError: if the process has ended; its last words are in the message.
        """
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # why it ended is told on reading
                self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
                self._process.stdin.flush()
        return self._receive()

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _receive(self) -> Any:
        line = "" if self._process.stdout is None else self._process.stdout.readline()
        if not line:
            self._process.wait(_STOP_SECONDS)
            self._errors.seek(0)
            words = self._errors.read().decode("utf-8", "replace").strip().splitlines()
            last = words[-1] if words else f"exit code {self._process.returncode}"
            raise SetupError(f"Its process ended: {last}")
        return json.loads(line)
