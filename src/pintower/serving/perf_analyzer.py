"""Runs the genuine perf_analyzer over real rows, each of them once.

perf_analyzer replays its input data round and round, so with a response cache the hit rate climbs
to 100 % and the figure means nothing. Here a pass sends exactly as many requests as there are rows
(no row twice, none left out; its export is checked), any warm-up is a pass of its own with rows of
its own, and hits are read from the server's counters before and after.
"""

import base64
import json
import logging
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pintower.errors import InputError, PintowerError, SetupError
from pintower.serving.addresses import Addresses
from pintower.serving.environment import ServerEnvironment
from pintower.serving.load_results import LoadResult, Timings, read_timings
from pintower.serving.metrics import scrape_metrics, subtract_metrics

__all__ = ["Load", "Row", "perf_command", "run_load", "write_rows"]

logger = logging.getLogger(__name__)

ROWS = "rows.json"
PROFILE = "profile.json"

# The inputs of one request, by name; without the batch dimension where the model batches.
Row = Mapping[str, npt.NDArray[Any]]


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows in perf_analyzer's input format, one request each.

    Text (object, str or bytes arrays) is written as it is, numbers as base64 of their bytes.

    Raises:
        InputError: if there are no rows, or a text is not valid UTF-8.
    """
    if not rows:
        raise InputError("A load test needs at least one row; given were none.")
    data = [{name: _tensor(name, array) for name, array in row.items()} for row in rows]
    path.write_text(json.dumps({"data": data}, ensure_ascii=False), encoding="utf-8")


@dataclass(frozen=True)
class Load:
    """What is sent: requests in flight (closed loop) or requests a second (open loop, Poisson).

    Attributes:
        model: the model or ensemble to ask.
        concurrency: requests in flight, or 0.
        request_rate: requests a second, or 0.
    """

    model: str
    concurrency: int = 0
    request_rate: float = 0.0

    def __post_init__(self) -> None:
        if (self.concurrency > 0) == (self.request_rate > 0):
            raise InputError(
                "A load is either a concurrency or a request rate above 0; given were concurrency "
                f"{self.concurrency} and request rate {self.request_rate:g}."
            )


def perf_command(
    environment: ServerEnvironment, load: Load, grpc_url: str, folder: Path, requests: int
) -> list[str]:
    """Return the command line of one pass.

    Raises:
        SetupError: if the environment has no perf_analyzer.
        InputError: if there are fewer requests than are to be in flight, or sent in a second.
    """
    if environment.perf_analyzer is None:
        raise SetupError(
            f"The server environment {environment.folder} has no usable perf_analyzer; install "
            "tritonclient 2.51.0 there, or let pintower install an environment of its own."
        )
    if max(load.concurrency, load.request_rate) > requests:
        raise InputError(
            "perf_analyzer needs at least as many rows as requests in flight or requests a second: "
            f"{max(load.concurrency, load.request_rate):g}; given were {requests}."
        )
    shape = (
        [f"--concurrency-range={load.concurrency}"]
        if load.concurrency
        else [f"--request-rate-range={load.request_rate:g}", "--request-distribution=poisson"]
    )
    return [
        str(environment.perf_analyzer),
        f"-m{load.model}",
        "-igrpc",
        f"-u{grpc_url}",
        f"--input-data={folder / ROWS}",
        f"--request-count={requests}",
        f"--profile-export-file={folder / PROFILE}",
        *shape,
    ]


def run_load(
    environment: ServerEnvironment,
    addresses: Addresses,
    model: str,
    rows: Sequence[Row],
    *,
    concurrency: int = 0,
    request_rate: float = 0.0,
    warmup: Sequence[Row] = (),
    folder: Path | None = None,
    timeout: float = 600.0,
) -> LoadResult:
    """Send every row once and measure.

    Args:
        environment: holds perf_analyzer.
        addresses: of a running server.
        model: the model or ensemble to ask.
        rows: one request each.
        concurrency: requests in flight at any time (closed loop), or 0.
        request_rate: requests a second at random intervals (open loop, Poisson), or 0.
        warmup: rows sent before, not measured. With a cache they must not be among ``rows``,
            unless hits are what is measured.
        folder: where perf_analyzer's own files go and stay; a temporary folder without it.
        timeout: seconds a pass may take.

    Raises:
        InputError: for a load that makes no sense.
        SetupError: if perf_analyzer is missing or no server answers.
        PintowerError: if perf_analyzer fails or does not answer every row once.
    """
    load = Load(model, concurrency, request_rate)
    with ExitStack() as stack:
        if folder is None:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="pintower-load-"))
            folder = Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if warmup:
            fewer = replace(load, concurrency=min(concurrency, len(warmup)))
            _one_pass(environment, addresses, fewer, warmup, folder, timeout)
        before = scrape_metrics(addresses.metrics_url)
        timings = _one_pass(environment, addresses, load, rows, folder, timeout)
        after = scrape_metrics(addresses.metrics_url)
    server = subtract_metrics(after, before)
    return LoadResult(model, concurrency, request_rate, timings, server)


def _one_pass(
    environment: ServerEnvironment,
    addresses: Addresses,
    load: Load,
    rows: Sequence[Row],
    folder: Path,
    timeout: float,
) -> Timings:
    command = perf_command(environment, load, addresses.grpc_url, folder, len(rows))
    write_rows(folder / ROWS, rows)
    (folder / PROFILE).unlink(missing_ok=True)
    _run(command, environment.perf_variables(), folder, timeout)
    timings = read_timings(folder / PROFILE)
    if len(timings.sent) != len(rows):
        raise PintowerError(
            f"perf_analyzer answered {len(timings.sent)} requests for {len(rows)} rows of "
            f"'{load.model}'."
        )
    return timings


def _run(
    command: Sequence[str], variables: Mapping[str, str], folder: Path, timeout: float
) -> None:
    logger.debug("Running %s", " ".join(command))
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(variables),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PintowerError(
            f"perf_analyzer did not finish within {timeout:g} s; send fewer rows."
        ) from None
    if done.returncode != 0:
        lines = [line for line in (done.stderr + "\n" + done.stdout).splitlines() if line.strip()]
        said = [line for line in lines if line.lower().startswith(("error", "failed"))]
        raise PintowerError(
            f"perf_analyzer ended with exit code {done.returncode}:\n  "
            + "\n  ".join((said or lines)[:5])
        )


def _tensor(name: str, array: npt.NDArray[Any]) -> dict[str, Any]:
    if array.dtype.kind not in "OSU":
        content: Any = {"b64": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}
    else:
        content = [_as_text(name, value) for value in array.reshape(-1).tolist()]
    return {"content": content, "shape": list(array.shape)}


def _as_text(name: str, value: str | bytes) -> str:
    try:
        return value.decode("utf-8") if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError:
        raise InputError(
            f"A row's {name} is not valid UTF-8, which perf_analyzer cannot send: {value!r}."
        ) from None
