"""Runs the genuine perf_analyzer over real rows, each of them once.

perf_analyzer replays its input data round and round, so with a response cache the hit rate climbs
to 100 % and the figure means nothing. Here a pass sends exactly as many requests as there are rows
(no row twice, none left out; its export is checked), any warm-up is a pass of its own with rows of
its own, and hits are read from the server's counters before and after.

In an open loop requests are due at given times, whatever the server does. perf_analyzer counts a
request's time from when it is sent, which is late when the client is; here it counts from when it
was due.
"""

import base64
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pintower.errors import InputError, PintowerError, SetupError
from pintower.serving.addresses import Addresses
from pintower.serving.environment import ServerEnvironment
from pintower.serving.load_results import LoadResult, Timings, read_timings
from pintower.serving.metrics import scrape_metrics, subtract_metrics
from pintower.serving.perf_process import run_once_begun

__all__ = [
    "Load",
    "Row",
    "perf_command",
    "poisson_intervals",
    "run_embeddings_load",
    "run_load",
    "write_rows",
]

ROWS = "rows.json"
INTERVALS = "intervals.txt"
EMBEDDINGS = "v1/embeddings"
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
    """What is sent: requests in flight (closed loop) or requests due at given times (open loop).

    Attributes:
        model: the model or ensemble to ask.
        concurrency: requests in flight, or 0.
        intervals_us: microseconds between two requests, or none.
        endpoint: of an OpenAI-like HTTP service, empty for Triton's gRPC.
    """

    model: str
    concurrency: int = 0
    intervals_us: tuple[int, ...] = ()
    endpoint: str = ""

    def __post_init__(self) -> None:
        if (self.concurrency > 0) == bool(self.intervals_us):
            raise InputError(
                "A load is either a concurrency above 0 or intervals between requests; given were "
                f"concurrency {self.concurrency} and {len(self.intervals_us)} intervals."
            )

    @property
    def request_rate(self) -> float:
        """Requests a second that are due; 0 in a closed loop."""
        return 1e6 / float(np.mean(self.intervals_us)) if self.intervals_us else 0.0


def poisson_intervals(rate: float, requests: int, seed: int) -> tuple[int, ...]:
    """Return microseconds between requests that come independently of each other.

    Args:
        rate: requests a second, on average.
        requests: how many intervals.
        seed: of the draw.
    """
    drawn = np.random.default_rng(seed).exponential(1e6 / rate, requests)
    return tuple(np.maximum(1, np.rint(drawn)).astype(int).tolist())


def perf_command(
    environment: ServerEnvironment, load: Load, url: str, folder: Path, requests: int
) -> list[str]:
    """Return the command line of one pass.

    Raises:
        SetupError: if the environment has no perf_analyzer.
        InputError: if there are fewer requests than are to be in flight, or not one an interval.
    """
    if environment.perf_analyzer is None:
        raise SetupError(
            f"The server environment {environment.folder} has no usable perf_analyzer; install "
            "tritonclient 2.51.0 there, or let pintower install an environment of its own."
        )
    if load.concurrency > requests:
        raise InputError(
            "perf_analyzer needs at least as many rows as requests in flight: "
            f"{load.concurrency}; given were {requests}."
        )
    if load.intervals_us and len(load.intervals_us) != requests:
        raise InputError(
            f"An open loop needs an interval a row: {requests}; given were "
            f"{len(load.intervals_us)}."
        )
    shape = (
        [f"--concurrency-range={load.concurrency}"]
        if load.concurrency
        else [f"--request-intervals={folder / INTERVALS}", "--max-threads=1", "--async"]
    )
    service = (
        [
            "--service-kind=openai",
            f"--endpoint={load.endpoint}",
            *([] if "--async" in shape else ["--async"]),
        ]
        if load.endpoint
        else ["-igrpc"]
    )
    return [
        str(environment.perf_analyzer),
        f"-m{load.model}",
        *service,
        f"-u{url}",
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
    intervals_us: Sequence[int] = (),
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
        intervals_us: microseconds after which each request is due (open loop), or none.
        warmup: rows sent before, not measured. With a cache they must not be among ``rows``,
            unless hits are what is measured.
        folder: where perf_analyzer's own files go and stay; a temporary folder without it.
        timeout: seconds a pass may take.

    Raises:
        InputError: for a load that makes no sense.
        SetupError: if perf_analyzer is missing or no server answers.
        PintowerError: if perf_analyzer fails or does not answer every row once.
    """
    load = Load(model, concurrency, tuple(intervals_us))

    def seen() -> object:
        return scrape_metrics(addresses.metrics_url)

    with _folder(folder) as place:
        if warmup:
            write_rows(place / ROWS, warmup)
            before_it = Load(model, min(max(1, concurrency), len(warmup)))
            _one_pass(environment, addresses.grpc_url, before_it, len(warmup), place, timeout, seen)
        write_rows(place / ROWS, rows)
        before = scrape_metrics(addresses.metrics_url)
        timings = _one_pass(environment, addresses.grpc_url, load, len(rows), place, timeout, seen)
        after = scrape_metrics(addresses.metrics_url)
    server = subtract_metrics(after, before)
    return LoadResult(model, concurrency, load.request_rate, timings, server)


def run_embeddings_load(
    environment: ServerEnvironment,
    url: str,
    queries: Sequence[str],
    *,
    concurrency: int,
    warmup: Sequence[str] = (),
    timeout: float = 600.0,
) -> LoadResult:
    """Send every query once to an OpenAI-like embeddings service, and measure.

    Args:
        environment: holds perf_analyzer.
        url: ``host:port`` of the service.
        queries: one request each.
        concurrency: requests in flight at any time.
        warmup: queries sent before, not measured.
        timeout: seconds a pass may take.

    Raises:
        InputError, SetupError, PintowerError: as :func:`run_load`.
    """
    with _folder(None) as place:
        for part in filter(None, (warmup, queries)):
            load = Load("encoder", min(concurrency, len(part)), endpoint=EMBEDDINGS)
            data = [{"payload": [{"model": load.model, "input": [query]}]} for query in part]
            (place / ROWS).write_text(json.dumps({"data": data}, ensure_ascii=False), "utf-8")
            timings = _one_pass(environment, url, load, len(part), place, timeout)
    return LoadResult(load.model, concurrency, 0.0, timings, {})


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="pintower-load-") as name:
        yield Path(name)


def _one_pass(
    environment: ServerEnvironment,
    url: str,
    load: Load,
    requests: int,
    folder: Path,
    timeout: float,
    seen: Callable[[], object] | None = None,
) -> Timings:
    """Send the rows that lie in the folder; ``seen`` gives the server's counters."""
    command = perf_command(environment, load, url, folder, requests)
    (folder / PROFILE).unlink(missing_ok=True)
    if load.intervals_us:
        lines = "".join(f"{interval}\n" for interval in load.intervals_us)
        (folder / INTERVALS).write_text(lines, "ascii")
    run_once_begun(command, environment.perf_variables(), folder, timeout, seen)
    timings = read_timings(folder / PROFILE)
    if len(timings.sent) != requests:
        raise PintowerError(
            f"perf_analyzer answered {len(timings.sent)} requests for {requests} rows of "
            f"'{load.model}'."
        )
    return timings.due(load.intervals_us) if load.intervals_us else timings


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
