from pathlib import Path

import numpy as np
import pytest

from pintower.pins.scale import Assumptions, _waited_ms, make_plan, simulate_tier
from tests.snapshot.test_snapshot import write


def test_a_billion_pins_are_their_bytes_spread_over_hosts() -> None:
    given = Assumptions(10**9, width=256, precision="int8", terms=40, title_terms=6)
    plan = make_plan(given)
    assert plan.bytes_a_pin["embedding"] == 256
    assert plan.bytes_a_pin["terms"] == 360
    assert plan.snapshot_bytes == pytest.approx(10**9 * sum(plan.bytes_a_pin.values()))
    assert plan.shards * given.host_bytes >= plan.snapshot_bytes
    assert (plan.shards - 1) * given.host_bytes < plan.snapshot_bytes
    assert plan.hosts == plan.shards * given.replicas
    assert plan.first_core_hours == pytest.approx(10**9 / given.pins_per_core_second / 3600)
    assert plan.daily_core_hours == pytest.approx(plan.first_core_hours / 100)


def test_the_bytes_of_a_plan_are_those_of_a_snapshot(tmp_path: Path) -> None:
    ids = [f"pin-{number:06d}" for number in range(5_000)]
    folder = write(tmp_path, ids, "int8")
    held = sum(path.stat().st_size for path in folder.glob("*.npy"))
    # The title "pin pin-000123" has the terms pin, pin, 000123 and pin000123.
    given = Assumptions(5_000, width=2, precision="int8", id_bytes=10, terms=3, title_terms=4)
    assert make_plan(given).snapshot_bytes == pytest.approx(held, rel=0.01)


def test_one_idle_shard_answers_in_its_service_time() -> None:
    given = Assumptions(10**6, requests=0.01, candidates=100, call_ms=1, id_us=10, network_ms=0)
    tier = simulate_tier(given, 1, requests=4_000)
    assert tier is not None
    assert tier.one_host_p50_ms == pytest.approx(2.0)
    # Half of a service time is exact and half exponential: its median is a half and ln 2 halves.
    assert tier.p50_ms == pytest.approx(1 + np.log(2), rel=0.05)


def test_waiting_is_that_of_a_queue_with_one_server() -> None:
    """The Pollaczek-Khinchine mean of M/G/1 holds for the simulated waits."""
    random = np.random.default_rng(0)
    arrivals = np.cumsum(random.exponential(1.0, 400_000))
    service = 0.35 + random.exponential(0.35, len(arrivals))
    load = 0.7
    wanted = (0.7**2 + 0.35**2) / (2 * (1 - load))  # second moment over 2 (1 - load), rate 1
    assert _waited_ms(arrivals, service).mean() == pytest.approx(wanted, rel=0.05)


def test_a_request_waits_for_the_slowest_of_its_shards() -> None:
    given = Assumptions(10**9, requests=10, candidates=1_000, network_ms=0.0)
    tier = simulate_tier(given, 40, requests=5_000)
    assert tier is not None
    share = given.call_ms + given.id_us * given.candidates / 40 / 1e3
    # The largest of 40 exponentials is their sum of 1/k, 4.3, in the mean.
    assert tier.p50_ms == pytest.approx(share / 2 * (1 + 4.2), rel=0.15)


def test_hosts_that_cannot_keep_up_are_told() -> None:
    assert simulate_tier(Assumptions(10**9, requests=10**6), 1) is None
