"""Reads a Triton server's Prometheus counters, per model and version.

The honest cache hit rate is hits over successful requests: simultaneous duplicates of a query are
neither hit nor merged, and ``nv_inference_count`` leaves hits out. Warm-up requests count as
answered, so a rate is taken between two scrapes, never since the start.
"""

import re
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields

from pintower.errors import SetupError

__all__ = ["ModelMetrics", "parse_metrics", "scrape_metrics", "subtract_metrics"]

# Prometheus name -> field. Durations are microseconds, summed over requests.
COUNTERS = {
    "nv_inference_request_success": "success",
    "nv_inference_request_failure": "failure",
    "nv_inference_count": "inferences",
    "nv_inference_exec_count": "executions",
    "nv_cache_num_hits_per_model": "cache_hits",
    "nv_cache_num_misses_per_model": "cache_misses",
    "nv_inference_request_duration_us": "request_us",
    "nv_inference_queue_duration_us": "queue_us",
    "nv_inference_compute_input_duration_us": "compute_input_us",
    "nv_inference_compute_infer_duration_us": "compute_infer_us",
    "nv_inference_compute_output_duration_us": "compute_output_us",
    "nv_cache_hit_duration_per_model": "cache_hit_us",
    "nv_cache_miss_duration_per_model": "cache_miss_us",
}
_LINE = re.compile(r"^(?P<name>\w+)\{(?P<labels>[^}]*)\} (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class ModelMetrics:
    """Counters of one model version since the server began, or between two scrapes.

    Attributes:
        success: requests answered, cache hits included.
        failure: requests answered with an error, all reasons together.
        inferences: rows inferred; cache hits not included.
        executions: runs of the model; fewer than inferences where requests were merged.
        cache_hits: requests answered from the response cache.
        cache_misses: requests looked up in vain.
        request_us: microseconds of whole requests.
        queue_us: microseconds waiting for an instance, hashing for the cache included.
        compute_input_us: microseconds of taking inputs.
        compute_infer_us: microseconds of running the model.
        compute_output_us: microseconds of giving outputs.
        cache_hit_us: microseconds of cache look-ups that hit.
        cache_miss_us: microseconds of cache look-ups and insertions that missed.
    """

    success: int = 0
    failure: int = 0
    inferences: int = 0
    executions: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    request_us: int = 0
    queue_us: int = 0
    compute_input_us: int = 0
    compute_infer_us: int = 0
    compute_output_us: int = 0
    cache_hit_us: int = 0
    cache_miss_us: int = 0

    @property
    def hit_rate(self) -> float:
        """Share of successful requests answered from the cache, 0 where there were none."""
        return self.cache_hits / self.success if self.success else 0.0


def parse_metrics(text: str) -> dict[tuple[str, str], ModelMetrics]:
    """Return ``{(model, version): counters}`` from a metrics page; other lines are skipped."""
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for line in text.splitlines():
        match = _LINE.match(line)
        field = COUNTERS.get(match["name"]) if match else None
        if match is None or field is None:
            continue
        labels = dict(_LABEL.findall(match["labels"]))
        counts[labels["model"], labels["version"]][field] += int(float(match["value"]))
    return {key: ModelMetrics(**values) for key, values in counts.items()}


def scrape_metrics(url: str, timeout: float = 5.0) -> dict[tuple[str, str], ModelMetrics]:
    """Return the counters of every loaded model version.

    Args:
        url: the metrics page, ``http://127.0.0.1:8002/metrics``.
        timeout: seconds to wait for it.

    Raises:
        SetupError: if nothing answers there.
    """
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            return parse_metrics(response.read().decode("utf-8"))
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        raise SetupError(
            f"No Triton metrics at {url} ({error}). Start a server with `pintower serve ...`, or "
            "give the metrics port of the one that runs."
        ) from None


def subtract_metrics(
    after: Mapping[tuple[str, str], ModelMetrics], before: Mapping[tuple[str, str], ModelMetrics]
) -> dict[tuple[str, str], ModelMetrics]:
    """Return what was counted between two scrapes; a model that is new counts from 0."""
    names = [field.name for field in fields(ModelMetrics)]
    return {
        key: ModelMetrics(
            **{
                name: getattr(now, name) - getattr(before.get(key, ModelMetrics()), name)
                for name in names
            }
        )
        for key, now in after.items()
    }
