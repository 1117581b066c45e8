"""The served ONNX Runtime without the server: the server environment's own, in a worker process.

Two versions of ONNX Runtime round a dynamic int8 graph differently, and one rounding that falls on
the other side moves a whole embedding. To tell what the serving path does to an answer from what
the runtime does, the offline reference has to be computed by the runtime that serves.
"""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from pintower.errors import SetupError
from pintower.serving import runtime_worker
from pintower.targets import Threads

__all__ = ["RuntimeSession"]

_STOP_SECONDS = 10


class RuntimeSession:
    """A graph loaded in another environment; a context manager. It runs like a local session."""

    def __init__(self, python: Path, graph: Path, threads: Threads) -> None:
        """Describe a session; nothing is started yet.

        Args:
            python: interpreter of an environment with numpy and onnxruntime.
            graph: the ONNX file.
            threads: ONNX Runtime's.
        """
        self.version = ""
        self._graph = graph
        counts = (str(threads.intra_op), str(threads.inter_op))
        worker = str(Path(runtime_worker.__file__).resolve())
        self._command = [str(python), "-I", worker, str(graph.resolve()), *counts]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            self.version = str(self._receive()["version"])
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def run(self, names: Sequence[str], feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Return the named outputs of the named inputs, as ``InferenceSession.run`` does.

        Raises:
            SetupError: if the worker has ended; its last words are in the message.
        """
        if self._process is None or self._process.stdin is None:
            raise SetupError(f"The session of {self._graph} is not open.")
        with suppress(BrokenPipeError):  # why it ended is told on reading
            runtime_worker.send(self._process.stdin, feeds)
        answer = self._receive()
        return [answer[name] for name in names]

    def _receive(self) -> dict[str, Any]:
        process = self._process
        answer = None
        if process is not None and process.stdout is not None:
            answer = runtime_worker.receive(process.stdout)
        if answer is None:
            words = b""
            if process is not None and process.stderr is not None:
                words = process.stderr.read()
            last = "; ".join(words.decode("utf-8", "replace").strip().splitlines()[-2:])
            raise SetupError(
                f"The server environment's ONNX Runtime cannot run {self._graph}: {last}"
            )
        return answer

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
