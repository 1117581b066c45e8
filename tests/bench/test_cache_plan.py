import json
import lzma
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.bench.cache_plan import plan_cache, trace_queries
from pintower.bench.figure import cache_plot
from pintower.bench.load import logged_queries
from pintower.client import Client
from pintower.errors import DatasetError, InputError
from pintower.serving.addresses import free_addresses
from pintower.serving.environment import ensure_environment
from pintower.serving.metrics import scrape_metrics, subtract_metrics
from pintower.serving.server import TritonServer


@pytest.fixture(scope="module")
def queries() -> list[str]:
    random = np.random.default_rng(0)
    words = ["red", "blue", "sofa", "cake", "garden", "shoes", "beach", "house"]
    texts = [f"{a} {b} {c}" for a in words for b in words for c in words]
    return [texts[row % len(texts)] for row in random.zipf(1.3, 1_500)]


def test_hit_rates_rise_to_the_limit(queries: list[str], built: Path) -> None:
    plan = plan_cache(queries, built, wanted=0.3)
    assert list(plan.hit_rates) == sorted(plan.hit_rates)
    assert plan.hit_rates[-1] == plan.limit
    assert plan.limit == pytest.approx(1 - plan.distinct / plan.requests, abs=0.02)
    assert plan.wanted_size in plan.sizes
    assert plan.enough <= plan.sizes[-1]
    assert "a cache that drops nothing" in cache_plot(plan)
    json.dumps(asdict(plan))


def test_writings_that_are_one_query_share_the_encoders_entry(built: Path) -> None:
    plan = plan_cache(["red shoes", "RED  shoes", "Red Shoes"], built)
    assert plan.limit == pytest.approx(2 / 3)


def test_trace_keys_become_distinct_queries(tmp_path: Path) -> None:
    keys = np.array([5, -7, 5, 2**40], dtype=">i8").tobytes()
    (tmp_path / "keys.trace").write_bytes(keys)
    (tmp_path / "keys.trace.xz").write_bytes(lzma.compress(keys))
    plain, packed = (
        trace_queries(tmp_path / name, ["red shoes", "sofa"])
        for name in ("keys.trace", "keys.trace.xz")
    )
    assert plain == packed
    assert plain[0] == plain[2]
    assert len(set(plain)) == 3
    assert len(set(trace_queries(tmp_path / "keys.trace.xz", ["a"], 2))) == 2


@pytest.mark.parametrize("content", [b"", b"123", b"no xz"])
def test_a_file_that_is_no_trace_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / ("keys.xz" if content == b"no xz" else "keys")
    path.write_bytes(content)
    with pytest.raises(InputError, match="The trace"):
        trace_queries(path, ["a"])


def test_a_dataset_without_a_log_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"query": []}, schema={"query": pl.String}).write_parquet(
        tmp_path / "query_log.parquet"
    )
    with pytest.raises(DatasetError, match="query_log"):
        logged_queries(tmp_path)


@pytest.mark.triton
def test_the_server_hits_as_often_as_was_planned(queries: list[str], built: Path) -> None:
    size = 1 << 14
    (planned,) = plan_cache(queries, built, sizes=[size]).hit_rates
    with (
        TritonServer(
            ensure_environment(), built, addresses=free_addresses(), cache_bytes=size
        ) as server,
        Client(server.addresses.grpc_url) as client,
    ):
        before = scrape_metrics(server.addresses.metrics_url)  # warm-ups count as answered
        for query in queries:
            client.embed(query)
        counted = subtract_metrics(scrape_metrics(server.addresses.metrics_url), before)
    encoder = next(value for key, value in counted.items() if key[0] == "query_encoder")
    assert 0.2 < planned < plan_cache(queries, built).limit - 0.02
    assert encoder.hit_rate == pytest.approx(planned, abs=0.01)
