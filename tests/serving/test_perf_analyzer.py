import json
from pathlib import Path

import numpy as np
import pytest

from pintower.errors import InputError, PintowerError, SetupError
from pintower.serving import perf_analyzer, perf_process
from pintower.serving.environment import ServerEnvironment
from pintower.serving.load_results import LoadResult, Timings, one_after_another, read_timings
from pintower.serving.metrics import ModelMetrics
from pintower.serving.perf_analyzer import (
    Load,
    perf_command,
    poisson_intervals,
    run_load,
    write_rows,
)
from pintower.serving.server import TritonServer


def rows(start: int, count: int) -> list[dict[str, np.ndarray]]:
    ones = np.ones(4, np.float32)
    return [{"A": np.full(4, start + i, np.float32), "B": ones} for i in range(count)]


def test_rows_are_written_as_text_and_base64_with_their_shapes(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    write_rows(
        path,
        [
            {
                "QUERY": np.array([["café"]]),
                "IDS": np.array([b"1", b"2"], object),
                "X": np.float32([1]),
            }
        ],
    )
    (row,) = json.loads(path.read_text())["data"]
    assert row["QUERY"] == {"content": ["café"], "shape": [1, 1]}
    assert row["IDS"] == {"content": ["1", "2"], "shape": [2]}
    assert row["X"] == {"content": {"b64": "AACAPw=="}, "shape": [1]}


def test_no_rows_and_invalid_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one row"):
        write_rows(tmp_path / "rows.json", [])
    with pytest.raises(InputError, match="QUERY is not valid UTF-8"):
        write_rows(tmp_path / "rows.json", [{"QUERY": np.array([b"\xff"], object)}])


@pytest.mark.parametrize("load", [{}, {"concurrency": 2, "intervals_us": (5,)}])
def test_a_load_is_a_concurrency_or_a_rate(load: dict[str, float]) -> None:
    with pytest.raises(InputError, match="either a concurrency above 0 or intervals"):
        Load("m", **load)


def test_a_missing_perf_analyzer_is_said(tmp_path: Path) -> None:
    here = tmp_path
    environment = ServerEnvironment(here, here, here, "", here, here, None, "")
    with pytest.raises(SetupError, match="tritonclient 2.51.0"):
        perf_command(environment, Load("m", 1), "127.0.0.1:8001", tmp_path, 10)


@pytest.mark.parametrize(
    ("load", "reason"),
    [(Load("m", 3), "as many rows"), (Load("m", intervals_us=(5, 5, 5)), "an interval a row: 2")],
)
def test_too_few_rows_for_a_load_are_refused(tmp_path: Path, load: Load, reason: str) -> None:
    here = tmp_path
    environment = ServerEnvironment(here, here, here, "", here, here, here, "")
    with pytest.raises(InputError, match=reason):
        perf_command(environment, load, "127.0.0.1:8001", tmp_path, 2)


def test_figures_come_from_single_requests(tmp_path: Path) -> None:
    sent = np.arange(100) * 10_000_000
    latencies = np.arange(1, 101) * 1_000_000
    requests = [
        {"timestamp": int(s), "response_timestamps": [int(s + d)]}
        for s, d in zip(sent, latencies, strict=True)
    ]
    path = tmp_path / "profile.json"
    path.write_text(json.dumps({"experiments": [{"requests": requests}]}))
    metrics = {
        ("m", "1"): ModelMetrics(success=60, cache_hits=30),
        ("m", "2"): ModelMetrics(success=40, cache_hits=20),
    }
    result = LoadResult("m", 1, 0.0, read_timings(path), metrics)
    assert result.p50_ms == pytest.approx(50.5)
    assert result.p99_ms == pytest.approx(99.01)
    assert result.throughput == pytest.approx(100 / 1.09)
    assert result.hit_rate("m") == 0.5
    assert result.hit_rate("other") == 0.0
    assert result.row()["requests"] == 100


def test_a_request_without_an_answer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    requests = [{"timestamp": 1, "response_timestamps": []}]
    path.write_text(json.dumps({"experiments": [{"requests": requests}]}))
    with pytest.raises(PintowerError, match="never answered"):
        read_timings(path)


def test_seconds_span_from_the_first_sent_to_the_last_answered() -> None:
    timings = Timings(np.array([10**9, 2 * 10**9]), np.array([5 * 10**9, 3 * 10**9]))
    assert timings.seconds == 4.0


def test_passes_are_put_together_without_the_pauses_between_them() -> None:
    def one(begin: int, model: str) -> LoadResult:
        timings = Timings(begin + np.array([0, 100]), begin + np.array([50, 200]))
        return LoadResult("m", 2, 0.0, timings, {(model, "1"): ModelMetrics(success=2)})

    together = one_after_another([one(1_000, "a"), one(900_000, "a"), one(5, "b")])
    assert together.requests == 6
    assert together.timings.seconds == pytest.approx(600e-9)
    assert sorted(together.timings.latencies_ms * 1e6) == pytest.approx([50] * 3 + [100] * 3)
    assert (together.counters("a").success, together.counters("b").success) == (4, 2)
    assert together.concurrency == 2


class Halting:
    """A load generator that never begins, or stops half-way, so many times."""

    def __init__(self, folder: Path, halts: int) -> None:
        self.counter = folder / "starts"
        self.program = folder / "perf_analyzer"
        profile = {"experiments": [{"requests": [{"timestamp": 1, "response_timestamps": [2]}]}]}
        (folder / "answer.json").write_text(json.dumps(profile))
        self.program.write_text(
            f"#!/bin/sh\necho >> {self.counter}\n"
            f"[ $(wc -l < {self.counter}) -gt {halts} ] || exec sleep 60\n"
            f"cp {folder / 'answer.json'} {folder / 'profile.json'}\n"
        )
        self.program.chmod(0o755)


@pytest.mark.parametrize(("halts", "ends"), [(2, True), (3, False)])
def test_a_pass_that_never_begins_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, halts: int, ends: bool
) -> None:
    monkeypatch.setattr(perf_process, "_STALL_SECONDS", 0.2)
    program = Halting(tmp_path, halts).program
    here = tmp_path
    environment = ServerEnvironment(here, here, here, "", here, here, program, "")
    arguments = (environment, "", Load("m", 1), 1, tmp_path, 30.0, lambda: 0)
    if ends:
        assert len(perf_analyzer._one_pass(*arguments).sent) == 1
    else:
        with pytest.raises(PintowerError, match="came to a halt"):
            perf_analyzer._one_pass(*arguments)


def test_a_pass_that_stops_half_way_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perf_process, "_STALL_SECONDS", 0.2)
    program = Halting(tmp_path, 1).program
    here = tmp_path
    environment = ServerEnvironment(here, here, here, "", here, here, program, "")
    counters = iter([0, 7, 7])
    with pytest.raises(PintowerError, match="came to a halt"):
        perf_analyzer._one_pass(
            environment, "", Load("m", 1), 1, tmp_path, 30.0, lambda: next(counters)
        )
    assert len((tmp_path / "starts").read_text().splitlines()) == 1


@pytest.mark.triton
def test_each_row_is_sent_once_and_a_second_pass_hits_the_cache(
    environment: ServerEnvironment, server: TritonServer, tmp_path: Path
) -> None:
    sent = rows(1000, 50)
    cold = run_load(
        environment,
        server.addresses,
        "cached",
        sent,
        concurrency=3,
        warmup=rows(2000, 5),
        folder=tmp_path / "cold",
    )
    assert cold.requests == 50
    assert cold.counters("cached").success == 50
    assert cold.counters("cached").cache_misses == 50
    assert cold.hit_rate("cached") == 0.0
    exported = json.loads((tmp_path / "cold" / "profile.json").read_text())
    seen = {one["request_inputs"]["A"][0] for one in exported["experiments"][0]["requests"]}
    assert seen == {float(number) for number in range(1000, 1050)}
    assert 0 < cold.p50_ms <= cold.p90_ms <= cold.p95_ms <= cold.p99_ms
    warm = run_load(environment, server.addresses, "cached", sent, concurrency=3)
    assert warm.hit_rate("cached") == 1.0


def test_a_request_that_is_sent_late_counts_from_when_it_was_due() -> None:
    sent = np.array([0, 9_000_000, 3_000_000], np.int64) + 10**9  # one is late, in any order
    timings = Timings(sent, sent + 2_000_000).due((7, 3_000, 3_000))
    assert timings.latencies_ms.tolist() == [2.0, 2.0, 5.0]


def test_poisson_intervals_have_the_rate_and_follow_the_seed() -> None:
    intervals = poisson_intervals(200.0, 20_000, seed=1)
    assert np.mean(intervals) == pytest.approx(5_000, rel=0.03)
    assert np.std(intervals) == pytest.approx(5_000, rel=0.05)
    assert intervals == poisson_intervals(200.0, 20_000, seed=1)
    assert intervals != poisson_intervals(200.0, 20_000, seed=2)


@pytest.mark.triton
def test_text_rows_reach_an_unbatched_model(
    environment: ServerEnvironment, server: TritonServer
) -> None:
    texts = [
        {"QUERY": np.array([[f"zapatos «{i}» 👟"]]), "PIN_IDS": np.array(["1", "2"])}
        for i in range(10)
    ]
    result = run_load(environment, server.addresses, "relevance", texts, intervals_us=[20_000] * 10)
    assert result.request_rate == 50.0
    assert result.timings.seconds >= 0.17  # nine intervals, however fast the answers
    assert result.counters("relevance").success == 10
    assert result.counters("relevance").failure == 0


@pytest.mark.triton
@pytest.mark.parametrize("length", [34, 92, 127, 128, 151, 200, 300, 2_000])
def test_ids_of_any_length_are_measured(
    environment: ServerEnvironment, server: TritonServer, length: int
) -> None:
    ids = np.array([str(number).zfill(length) for number in range(20)])
    texts = [{"QUERY": np.array([[f"red {length} {i}"]]), "PIN_IDS": ids} for i in range(3)]
    result = run_load(environment, server.addresses, "relevance", texts, concurrency=1)
    assert result.requests == 3
    assert result.p50_ms > 0


@pytest.mark.triton
def test_a_failing_pass_says_why(environment: ServerEnvironment, server: TritonServer) -> None:
    with pytest.raises(PintowerError, match="perf_analyzer ended with exit code.*\n.*absent"):
        run_load(environment, server.addresses, "absent", rows(0, 2), concurrency=1)
