"""What a load test measured, worked out from every single request.

Given a number of requests, perf_analyzer's own throughput counts whole seconds (50 requests in
1.1 s become 25 a second), so throughput and percentiles are computed here from the times of the
requests that it exports.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pintower.errors import InputError, PintowerError
from pintower.serving.metrics import ModelMetrics

__all__ = ["LoadResult", "Timings", "one_after_another", "read_timings"]


@dataclass(frozen=True)
class Timings:
    """When requests were sent and answered.

    Attributes:
        sent: [N] int64, nanoseconds since the epoch.
        answered: [N] int64, likewise, of the same requests.
    """

    sent: npt.NDArray[np.int64]
    answered: npt.NDArray[np.int64]

    @property
    def latencies_ms(self) -> npt.NDArray[np.float64]:
        """[N] float64, milliseconds each request took, as the client saw it."""
        return (self.answered - self.sent) / 1e6

    @property
    def begin(self) -> float:
        """When the first request was sent, seconds since the epoch."""
        return float(self.sent.min()) / 1e9

    @property
    def end(self) -> float:
        """When the last one was answered, seconds since the epoch."""
        return float(self.answered.max()) / 1e9

    @property
    def seconds(self) -> float:
        """From the first request sent to the last one answered."""
        return float(self.answered.max() - self.sent.min()) / 1e9

    def due(self, intervals_us: Sequence[int]) -> "Timings":
        """Return the same requests, sent no later than they were due.

        Args:
            intervals_us: [N] microseconds; the first request is due when it is sent, each other
                its interval after the one before.
        """
        order = np.argsort(self.sent, kind="stable")
        waits = 1_000 * np.asarray(intervals_us, dtype=np.int64)[1:]
        planned = self.sent.min() + np.concatenate([[0], np.cumsum(waits)])
        return Timings(np.minimum(self.sent[order], planned), self.answered[order])


@dataclass(frozen=True)
class LoadResult:
    """One pass of a load test.

    Attributes:
        model: the model or ensemble that was asked.
        concurrency: requests in flight, 0 in an open loop.
        request_rate: requests a second that were aimed at, 0 in a closed loop.
        timings: of every request.
        server: what the server counted meanwhile, per model and version.
    """

    model: str
    concurrency: int
    request_rate: float
    timings: Timings
    server: Mapping[tuple[str, str], ModelMetrics]

    @property
    def requests(self) -> int:
        """Requests answered."""
        return len(self.timings.sent)

    @property
    def throughput(self) -> float:
        """Requests answered a second."""
        return self.requests / self.timings.seconds

    @property
    def mean_ms(self) -> float:
        """Mean latency, milliseconds."""
        return float(self.timings.latencies_ms.mean())

    def percentile_ms(self, percent: float) -> float:
        """Return the latency that ``percent`` per cent of the requests stay within."""
        return float(np.percentile(self.timings.latencies_ms, percent))

    @property
    def p50_ms(self) -> float:
        """Median latency, milliseconds."""
        return self.percentile_ms(50)

    @property
    def p90_ms(self) -> float:
        """90th percentile, milliseconds."""
        return self.percentile_ms(90)

    @property
    def p95_ms(self) -> float:
        """95th percentile, milliseconds."""
        return self.percentile_ms(95)

    @property
    def p99_ms(self) -> float:
        """99th percentile, milliseconds."""
        return self.percentile_ms(99)

    def counters(self, model: str) -> ModelMetrics:
        """Return the counters of a model, its versions added up; zeros for an unknown one."""
        versions = [vars(one) for (name, _), one in self.server.items() if name == model]
        return ModelMetrics(
            **{key: sum(one[key] for one in versions) for key in vars(ModelMetrics())}
        )

    def hit_rate(self, model: str) -> float:
        """Return a model's cache hits over its successful requests during the pass."""
        return self.counters(model).hit_rate

    def row(self) -> dict[str, Any]:
        """Return the figures as one flat row for a result file; times in milliseconds."""
        return {
            "model": self.model,
            "concurrency": self.concurrency,
            "request_rate": self.request_rate,
            "requests": self.requests,
            "seconds": round(self.timings.seconds, 3),
            "throughput": round(self.throughput, 2),
            "mean_ms": round(self.mean_ms, 3),
            "p50_ms": round(self.p50_ms, 3),
            "p90_ms": round(self.p90_ms, 3),
            "p95_ms": round(self.p95_ms, 3),
            "p99_ms": round(self.p99_ms, 3),
        }


def one_after_another(results: Sequence[LoadResult]) -> LoadResult:
    """Return passes of one load as a single one, the pauses between them left out.

    Args:
        results: at least one.
    """
    sent, answered, begin = [], [], 0
    for timings in (result.timings for result in results):
        shift = begin - int(timings.sent.min())
        sent.append(timings.sent + shift)
        answered.append(timings.answered + shift)
        begin = int(answered[-1].max())
    models = dict.fromkeys(model for result in results for model in result.server)
    counted = {
        model: [vars(result.server[model]) for result in results if model in result.server]
        for model in models
    }
    return replace(
        results[0],
        timings=Timings(np.concatenate(sent), np.concatenate(answered)),
        server={
            model: ModelMetrics(**{key: sum(one[key] for one in counts) for key in counts[0]})
            for model, counts in counted.items()
        },
    )


def read_timings(path: Path) -> Timings:
    """Read the times of all requests from perf_analyzer's profile export.

    Raises:
        InputError: if the file is missing or is not JSON.
        PintowerError: if it holds no requests, or one without an answer.
    """
    experiments = _read_export(path)["experiments"]
    requests = [request for one in experiments for request in one["requests"]]
    if not requests or any(not request["response_timestamps"] for request in requests):
        raise PintowerError(f"{path} holds no requests, or one that was never answered.")
    return Timings(
        sent=np.array([request["timestamp"] for request in requests], dtype=np.int64),
        answered=np.array([r["response_timestamps"][-1] for r in requests], dtype=np.int64),
    )


def _read_export(path: Path) -> Any:
    """Read an export, which repeats each request as it was sent.

    Several texts in one tensor stand there with their lengths in binary, which from 128 on is not
    UTF-8.
    """
    try:
        return json.loads(path.read_text("utf-8", errors="replace"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON: {error}.") from None
