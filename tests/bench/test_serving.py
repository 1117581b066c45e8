"""The serving bench: scenarios, the requests they make, and the figures that are quoted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bench.served.headline import best_p99, headline, throughput_within
from bench.served.loads import WARM_UP, Loads
from bench.served.measure import measure
from bench.served.scenarios import FOLDER, Scenario, load_scenarios
from bench.served.systems import Running, System
from pintower.data.candidates import CandidateIndex
from pintower.data.tables import QUERY_LOG
from pintower.errors import InputError, SetupError


@pytest.fixture
def workdir(tmp_path: Path, tiny_pins: pl.DataFrame) -> Path:
    """A log of 400 requests for 216 queries, a request every ten seconds and every thirty."""
    (tmp_path / "data").mkdir()
    numbers = [number % 250 if number % 3 else number % 20 for number in range(400)]
    times = [20 * number + 10 * (number % 2) for number in range(400)]
    queries = [f"shoe {number}" if number % 2 else f"a red shoe {number}" for number in numbers]
    log = pl.DataFrame({"query": queries, "timestamp": times})
    log.write_parquet(tmp_path / "data" / f"{QUERY_LOG}.parquet")
    CandidateIndex.build(tiny_pins).save(tmp_path / "pins" / "candidates")
    return tmp_path


def scenario(**values: Any) -> Scenario:
    given = {"queries": "log", "closed": (1, 4), "requests": 50, "candidates": (10,)}
    return Scenario(**{"name": "test", "title": "a test", **given, **values})


def test_the_scenarios_that_are_kept_are_read() -> None:
    found = load_scenarios()
    assert {"zipf", "unique", "embedding"} <= {item.name for item in found}
    assert all(item.closed or item.rates for item in found)
    assert [item.name for item in load_scenarios(["zipf"])] == ["zipf"]


def test_a_scenario_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No scenario absent; there are .*zipf"):
        load_scenarios(["absent"])
    text = (FOLDER / "zipf.toml").read_text("utf-8")
    (tmp_path / "odd.toml").write_text(f"{text}\nspeed = 1\n", "utf-8")
    with pytest.raises(InputError, match=r"odd.toml is no scenario(.|\n)*speed"):
        load_scenarios(folder=tmp_path)


def test_passes_follow_the_log_and_send_each_row_once(workdir: Path) -> None:
    loads = Loads(workdir)
    first, second = loads.passes(scenario(warm_requests=100))
    log = pl.read_parquet(workdir / "data" / f"{QUERY_LOG}.parquet")["query"].to_list()
    assert [item.query for item in (*first.requests, *second.requests)] == log[100:200]
    assert {len(item.pin_ids) for item in first.requests} == {10}
    warmup = {item.query for item in loads.warmup(scenario(warm_requests=100))}
    assert warmup == set(log[:100])


def test_unique_queries_come_once_and_a_warm_up_has_others(workdir: Path) -> None:
    loads = Loads(workdir)
    wanted = scenario(queries="unique")
    sent = [item.query for one in loads.passes(wanted) for item in one.requests]
    assert len(set(sent)) == len(sent) == 100
    warmup = [item.query for item in loads.warmup(wanted)]
    assert len(warmup) == WARM_UP and not set(warmup) & set(sent)


def test_repeats_lengths_and_what_the_log_cannot_give(workdir: Path) -> None:
    loads = Loads(workdir)
    (one, _) = loads.passes(scenario(queries="repeat"))
    assert len({item.query for item in one.requests}) == 1
    (long,) = loads.passes(scenario(queries="unique", length="long", closed=(1,)))
    assert {len(item.query.split()) for item in long.requests} == {4}
    with pytest.raises(InputError, match="needs 1000 requests; the log of .* has 216 that fit"):
        loads.passes(scenario(queries="unique", requests=500))


def test_arrivals_have_the_rate_and_the_logs_own_waits(workdir: Path) -> None:
    loads = Loads(workdir)
    (random,) = loads.passes(scenario(closed=(), rates=(200.0,)))
    assert sum(random.intervals_us) / 50 == pytest.approx(5_000, rel=0.4)
    (logged,) = loads.passes(scenario(closed=(), rates=(200.0,), arrivals="log"))
    assert sum(logged.intervals_us) / 50 == pytest.approx(5_000, rel=0.01)
    odd, even = logged.intervals_us[::2], logged.intervals_us[1::2]
    assert min(odd) > 2 * max(even)  # thirty seconds and ten, in turn


def row(scenario: str, system: str, level: int, rate: float, p99: float) -> dict[str, Any]:
    return {
        "scenario": scenario, "system": system, "level": level, "throughput": rate,
        "p99_ms": p99, "p50_ms": p99 / 2,
    }  # fmt: skip


def test_ratios_are_taken_at_the_naive_peers_own_best_p99() -> None:
    naive = [row("zipf", "naive_torch", 1, 100, 12.0), row("zipf", "naive_torch", 4, 130, 40.0)]
    ours = [row("zipf", "pintower", 8, 1200, 11.9), row("zipf", "pintower", 16, 1500, 12.1)]
    plain = [row("zipf", "plain_onnx", 1, 200, 12.5)]
    assert best_p99(naive) == 12.0
    assert throughput_within(ours, 12.0) == 1200
    found = headline([*naive, *ours, *plain], {})
    assert found["zipf_throughput_vs_naive_torch"] == 12.0
    assert "zipf_throughput_vs_plain_onnx" not in found  # never within the limit
    assert not any(key.startswith("unique") for key in found)


def test_embedding_is_held_to_the_best_peer_of_each_figure() -> None:
    rows = [
        row("embedding", "pintower", 1, 900, 2.0), row("embedding", "pintower", 4, 1000, 6.0),
        row("embedding", "fastapi", 1, 100, 20.0), row("embedding", "fastapi", 4, 90, 90.0),
        row("embedding", "infinity", 1, 70, 30.0), row("embedding", "infinity", 4, 125, 70.0),
        {"scenario": "embedding", "system": "infinity", "level": 8, "failed": "it fell over"},
    ]  # fmt: skip
    bounds = [{"graph": "query_encoder", "rows": 16, "over_roofline": 1.8}]
    found = headline(rows, {"bounds": bounds})
    assert found["embedding_p50_vs_best_peer"] == 0.1
    assert found["embedding_throughput_vs_best_peer"] == 8.0
    assert found["encoder_over_roofline_16tok"] == 1.8


@contextmanager
def dies() -> Iterator[Running]:
    raise SetupError("no torch there")
    yield


def test_a_peer_that_does_not_start_is_a_row_with_its_reason_and_ours_an_error(
    workdir: Path,
) -> None:
    asked = scenario(queries="unique", systems=("pintower", "bls"), requests=20)
    peer = System("bls", False, (), "", dies)
    (rows,) = measure([asked], {"bls": peer}, Loads(workdir), 1)
    assert [(row["level"], row["failed"]) for row in rows] == [
        (1, "no torch there"),
        (4, "no torch there"),
    ]
    own = System("pintower", False, (), "", dies)
    with pytest.raises(SetupError, match="no torch"):
        list(measure([asked], {"pintower": own}, Loads(workdir), 1))


def test_waits_of_a_log_without_times_are_refused(workdir: Path) -> None:
    path = workdir / "data" / f"{QUERY_LOG}.parquet"
    log = pl.read_parquet(path).with_columns(timestamp=pl.lit(None, pl.Int64))
    log.write_parquet(path)
    with pytest.raises(InputError, match="no timestamps"):
        Loads(workdir).passes(scenario(closed=(), rates=(100.0,), arrivals="log"))
