"""Starts the genuine tritonserver on a model repository and ends it again, whatever happens."""

import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pintower.errors import InputError, RepositoryError, SetupError
from pintower.serving import guard
from pintower.serving.addresses import LOOPBACK, Addresses, check_free
from pintower.serving.environment import ServerEnvironment
from pintower.serving.plain_paths import plain_environment, plain_path
from pintower.serving.server_log import last_errors, load_failures, loading_models
from pintower.serving.state import remove_state, write_state

__all__ = ["TritonServer", "release_flags", "server_command"]

logger = logging.getLogger(__name__)

GRACE_SECONDS = 10.0
_SAID_SECONDS = 5.0
EXIT_TIMEOUT_SECONDS = 5  # how long the server waits for requests in flight


def release_flags(models: Sequence[str]) -> list[str]:
    """Return the flags that a release is served with, wherever: nothing guessed, nothing polled."""
    return [
        "--model-control-mode=explicit",
        *(f"--load-model={name}" for name in models),
        "--disable-auto-complete-config",
        "--strict-readiness=true",
    ]


def server_command(
    environment: ServerEnvironment,
    repository: Path,
    *,
    addresses: Addresses,
    models: Sequence[str] | None,
    cache_bytes: int,
    shm_prefix: str,
) -> list[str]:
    """Return the command line of a server.

    Args:
        environment: where the server lies.
        repository: the model repository.
        addresses: ports to listen on, on loopback only.
        models: names to load at the start, () for none, None for all.
        cache_bytes: size of the response cache, 0 for no cache.
        shm_prefix: start of the names of its shared memory; two servers need different ones.
    """
    names = ("*",) if models is None else tuple(models)
    cache = [
        f"--cache-directory={environment.cache_directory}",
        f"--cache-config=local,size={cache_bytes}",
    ]
    return [
        str(environment.tritonserver),
        f"--model-repository={repository}",
        *release_flags(names),
        f"--backend-directory={environment.backend_directory}",
        f"--backend-config=python,shm-region-prefix-name={shm_prefix}",
        *(cache if cache_bytes else []),
        f"--http-address={LOOPBACK}",
        f"--http-port={addresses.http}",
        f"--grpc-address={LOOPBACK}",
        f"--grpc-port={addresses.grpc}",
        f"--metrics-address={LOOPBACK}",
        f"--metrics-port={addresses.metrics}",
        f"--exit-timeout-secs={EXIT_TIMEOUT_SECONDS}",
    ]


class TritonServer:
    """A tritonserver process; a context manager that has it ready inside the block.

    The server ends with the block, with an exception, and when this process dies by any signal.
    """

    def __init__(
        self,
        environment: ServerEnvironment,
        repository: Path,
        *,
        models: Sequence[str] | None = None,
        addresses: Addresses | None = None,
        cache_bytes: int = 256 * 2**20,
        timeout: float = 120.0,
        log_file: Path | None = None,
        state_file: Path | None = None,
    ) -> None:
        """Describe a server; nothing is started yet.

        Args:
            environment: from ``ensure_environment()``.
            repository: the model repository.
            models: names to load at the start, () for none, None for all.
            addresses: ports; 8000, 8001 and 8002 without it, ``free_addresses()`` for any.
            cache_bytes: size of the response cache, 0 for no cache.
            timeout: seconds the models may take to load.
            log_file: where the server's log goes and stays; without it a temporary file, kept only
                when the server fails.
            state_file: where to tell of the running server (see ``state``).
        """
        self.environment = environment
        self.repository = repository.resolve()
        self.addresses = addresses or Addresses()
        self._models = models
        self._cache_bytes = cache_bytes
        self._timeout = timeout
        self._keep_log = log_file is not None
        self._log_file = log_file
        self._state_file = state_file
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def log_file(self) -> Path | None:
        """Where the server's log lies; None before the start."""
        return self._log_file

    @property
    def pid(self) -> int:
        """Of the process whose descendants are the server and its python steps.

        Raises:
            SetupError: if none runs.
        """
        if self._process is None:
            raise SetupError("The Triton server does not run.")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until every model is ready.

        Raises:
            InputError: if the repository is not a folder.
            SetupError: if a port is taken, or the server dies or is not ready in time.
            RepositoryError: if a model cannot be loaded; names the models and the reasons.
        """
        if not self.repository.is_dir():
            raise InputError(f"The model repository {self.repository} is not a folder.")
        check_free(self.addresses)
        prefix = f"pintower_{uuid.uuid4().hex[:12]}_"
        environment = plain_environment(self.environment, prefix)
        command = server_command(
            environment,
            plain_path(self.repository, prefix, "repository"),
            addresses=self.addresses,
            models=self._models,
            cache_bytes=self._cache_bytes,
            shm_prefix=prefix,
        )
        try:
            self._spawn(command, environment.server_variables(), prefix)
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        if self._state_file is not None and self._process is not None:
            write_state(self._state_file, self._process.pid, self.addresses, self.repository)

    def stop(self) -> None:
        """End the server and wait until it is gone; does nothing when none runs."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=GRACE_SECONDS + 5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._state_file is not None:
            remove_state(self._state_file, process.pid)
        if not self._keep_log and self._log_file is not None:
            self._log_file.unlink(missing_ok=True)
            self._log_file = None

    def wait(self) -> None:
        """Block until the server ends by itself.

        Raises:
            SetupError: if it ended with an error; its last lines are in the message.
        """
        if self._process is None:
            return
        code = self._process.wait()
        if code != 0:
            raise self._failure(f"The Triton server {_told_end(code)}")
        logger.info("The Triton server was ended by a signal from elsewhere.")

    def _spawn(self, command: Sequence[str], variables: Mapping[str, str], prefix: str) -> None:
        if self._log_file is None:
            handle, name = tempfile.mkstemp(prefix="pintower-triton-", suffix=".log")
            os.close(handle)
            self._log_file = Path(name)
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        guarded = [sys.executable, "-I", "-S", guard.__file__]
        guarded += [str(os.getpid()), str(GRACE_SECONDS), prefix, *command]
        logger.info("Starting Triton on %s; its log is %s", self.repository, self._log_file)
        logger.debug("Starting %s", " ".join(command))
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(
                guarded,
                cwd=self.environment.folder,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_until_ready(self) -> None:
        process = self._process
        started = said = time.monotonic()
        # The metrics page is the last to open, a moment after the server is ready.
        urls = (f"http://{self.addresses.http_url}/v2/health/ready", self.addresses.metrics_url)
        while process is not None and time.monotonic() - started < self._timeout:
            if (code := process.poll()) is not None:
                raise self._failure(f"The Triton server did not start: it {_told_end(code)}")
            if all(map(_answers, urls)):
                logger.info(
                    "Triton server ready after %.1f s at %s (HTTP) and %s (gRPC).",
                    time.monotonic() - started,
                    self.addresses.http_url,
                    self.addresses.grpc_url,
                )
                return
            if time.monotonic() - said > _SAID_SECONDS:
                said = time.monotonic()
                loaded, loading = loading_models(self._log())
                logger.info(
                    "Triton is not ready after %.0f s: %d models are loaded, it is loading %s",
                    said - started, len(loaded), ", ".join(loading) or "none",
                )  # fmt: skip
            time.sleep(0.05)
        raise self._failure(f"The Triton server was not ready within {self._timeout:.0f} s")

    def _log(self) -> str:
        if self._log_file is None or not self._log_file.is_file():
            return ""
        return self._log_file.read_text(encoding="utf-8", errors="replace")

    def _failure(self, what: str) -> SetupError | RepositoryError:
        """Say what the log says: which models failed and why, or the last errors."""
        self._keep_log = True
        log = self._log()
        failures = load_failures(log)
        end = f"The whole log is {self._log_file}."
        if failures:
            lines = "\n".join(f"  {failure}" for failure in failures)
            return RepositoryError(
                f"Models of {self.repository} could not be loaded:\n{lines}\n{end}"
            )
        errors = [f"  {line}\n" for line in last_errors(log)]
        lines = f"Its last errors:\n{''.join(errors)}" if errors else "It logged no error. "
        return SetupError(f"{what}. {lines}{end}")


def _told_end(code: int) -> str:
    """Return how a process ended, from the exit code of its guard, or the guard's own."""
    number = -code if code < 0 else code - 128
    if number not in {item.value for item in signal.Signals}:
        return f"ended by itself with exit code {code}"
    name = signal.Signals(number).name
    if number == signal.SIGKILL:
        return f"was killed by {name}, as the system does where memory runs out (see dmesg)"
    return f"was ended by {name} (signal {number})"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
