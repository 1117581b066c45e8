"""What a catalogue of any size takes: bytes, hosts, hours, money, and the look-up tier's latency.

Everything follows from a few measured figures, which ``Assumptions`` names with their source.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pintower.snapshot import Precision
from pintower.snapshot.identifiers import bucket_bits, id_width
from pintower.text.rendering import PIN_SOURCES

__all__ = ["Assumptions", "ScalePlan", "Tier", "make_plan", "simulate_tier"]

_BYTES = {"fp32": 4, "fp16": 2, "int8": 1}
_POINTERS = 2 * 8
_HOUR, _DAY = 3_600, 86_400


@dataclass(frozen=True)
class Assumptions:
    """What a plan is made from.

    Attributes:
        pins: in the catalogue.
        width: D of the embeddings.
        precision: of the snapshot.
        id_bytes: of the longest id.
        terms: distinct terms of a pin, in the mean.
        title_terms: of a title, in the mean.
        changed_a_day: share of the pins with a meaningful change, new ones included.
        pins_per_core_second: embedded; `bench/embed_throughput.py` measures it.
        scan_core_seconds: to render and hash one pin; `bench/embed_incremental.py`.
        price_core_hour: of a core, in any currency.
        host_bytes: of memory that a host gives to snapshots.
        host_cores: of a host, for look-ups.
        replicas: hosts that hold the same shard.
        requests: a second, to the whole tier.
        candidates: ids of a request.
        call_ms: a look-up's fixed part on one core; `bench/lookup.py`.
        id_us: what each id adds, match features included.
        network_ms: there and back, a host in the same place.
    """

    pins: int
    width: int = 256
    precision: Precision = "int8"
    id_bytes: int = 20
    terms: float = 40
    title_terms: float = 6
    changed_a_day: float = 0.01
    pins_per_core_second: float = 200
    scan_core_seconds: float = 8e-6
    price_core_hour: float = 0.04
    host_bytes: int = 48 * 2**30
    host_cores: int = 8
    replicas: int = 2
    requests: float = 1_000
    candidates: int = 1_000
    call_ms: float = 0.1
    id_us: float = 0.8
    network_ms: float = 0.3


@dataclass(frozen=True)
class ScalePlan:
    """What the assumptions come to.

    Attributes:
        bytes_a_pin: of the snapshot, by part.
        snapshot_bytes: of all pins.
        shards: parts that the pins are spread over by their ids' hashes.
        hosts: that serve them.
        first_core_hours: to embed every pin once.
        daily_core_hours: to embed what changed in a day.
        scan_core_hours: to find out what that is.
        first_cost: of embedding every pin, in the price's currency.
        daily_cost: of a day's scan and embedding.
    """

    bytes_a_pin: dict[str, float]
    snapshot_bytes: float
    shards: int
    hosts: int
    first_core_hours: float
    daily_core_hours: float
    scan_core_hours: float
    first_cost: float
    daily_cost: float


@dataclass(frozen=True)
class Tier:
    """The look-up tier under a load, simulated.

    Attributes:
        load: share of the cores' time that is used.
        p50_ms: of a request to all its shards, network included.
        p99_ms: the same.
        one_host_p50_ms: of the same look-up on one host that held everything and did nothing else.
    """

    load: float
    p50_ms: float
    p99_ms: float
    one_host_p50_ms: float


def make_plan(given: Assumptions) -> ScalePlan:
    """Return what some assumptions come to."""
    sources = len(PIN_SOURCES)
    parts = {
        "embedding": float(given.width * _BYTES[given.precision]),
        "scale": 4.0 if given.precision == "int8" else 0.0,
        "id": float(id_width(given.id_bytes)),
        "buckets": 4.0 * 2 ** bucket_bits(given.pins) / given.pins,
        "terms": given.terms * (4 + sources),
        "lengths": 4.0 * sources,
        "title": 4 * given.title_terms,
        "pointers": float(_POINTERS),
    }
    total = sum(parts.values()) * given.pins
    shards = max(1, math.ceil(total / given.host_bytes))
    first = given.pins / given.pins_per_core_second / _HOUR
    scan = given.pins * given.scan_core_seconds / _HOUR
    daily = first * given.changed_a_day
    return ScalePlan(
        bytes_a_pin=parts,
        snapshot_bytes=total,
        shards=shards,
        hosts=shards * given.replicas,
        first_core_hours=first,
        daily_core_hours=daily,
        scan_core_hours=scan,
        first_cost=first * given.price_core_hour,
        daily_cost=(daily + scan) * given.price_core_hour,
    )


def simulate_tier(
    given: Assumptions, shards: int, *, requests: int = 50_000, seed: int = 0
) -> Tier | None:
    """Send requests that arrive at random to every shard that holds one of their ids.

    Each core of a host is a queue of its own, first come first served, and gets its share of the
    host's requests at random; a request is done when its last shard has answered. Service times are
    the measured ones, half of them exact and half exponential about them, for all that is not
    measured. Waiting times follow Lindley's recursion (1952, "The theory of queues with a single
    server").

    Args:
        given: load and times.
        shards: that the ids are spread over.
        requests: simulated.
        seed: of everything drawn.

    Returns:
        None where the cores cannot keep up.
    """
    random = np.random.default_rng(seed)
    cores = given.host_cores * given.replicas
    touched = shards * (1 - (1 - 1 / shards) ** given.candidates)
    ids = given.candidates / touched
    busy = given.requests * touched / shards * _service_ms(given, ids) / 1e3 / cores
    if busy >= 1:
        return None
    arrivals = np.cumsum(random.exponential(1 / given.requests, requests))
    latest = np.zeros(requests)
    for _ in range(shards):
        held = random.binomial(given.candidates, 1 / shards, requests)
        core = random.integers(0, cores, requests)
        for one in range(cores):
            mine = np.flatnonzero((core == one) & (held > 0))
            if not len(mine):
                continue
            exact = _service_ms(given, held[mine])
            service = exact / 2 + random.exponential(exact / 2)
            done = _waited_ms(1e3 * arrivals[mine], service) + service
            latest[mine] = np.maximum(latest[mine], done)
    p50, p99 = np.percentile(latest + given.network_ms, [50, 99])
    alone = float(_service_ms(given, given.candidates))
    return Tier(float(busy), float(p50), float(p99), alone)


def _service_ms(given: Assumptions, ids: float | NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(given.call_ms + given.id_us * np.asarray(ids) / 1e3)


def _waited_ms(arrivals: NDArray[np.float64], service: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how long each waits for those before it, one server, in order of arrival."""
    surplus = np.concatenate([[0.0], np.cumsum(service[:-1] - np.diff(arrivals))])
    waited: NDArray[np.float64] = surplus - np.minimum.accumulate(surplus)
    return waited
