import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_ind

from pintower.bench.comparison import Comparison, compare, welch
from pintower.bench.results import Result
from pintower.errors import InputError

DEVICE = {"processor": "AMD EPYC", "cores": 2, "memory_gib": 23.5, "accelerator": None}
LOADS = (
    ("log", "pintower", "closed", 1),
    ("log", "pintower", "closed", 4),
    ("log", "pintower", "open", 200),
    ("log", "rival", "closed", 1),
)
COMPARISONS = 7  # p50 of four rows, throughput of the three closed ones
JUDGED = 5  # without the rival's


def bench_result(
    seed: int,
    *,
    rounds: int = 6,
    scatter: float = 0.03,
    machine: float = 1.0,
    slowed: float = 1.0,
    victim: str = "pintower",
    loads: Sequence[tuple[str, str, str, int]] = LOADS,
) -> dict[str, Any]:
    """Return a result as the bench writes it.

    Args:
        seed: of the noise.
        rounds: of each row.
        scatter: relative, of each round's figures.
        machine: how many times as long everything takes, the yardstick too.
        slowed: how many times as long a request of the victim's takes on top of that.
        victim: the system that is slowed.
        loads: scenario, system, load, level of each row.
    """
    random = np.random.default_rng(seed)
    # The machine wanders from round to round, and the yardstick with it.
    speed = machine * np.exp(0.1 * random.standard_normal(rounds))
    rows = []
    for scenario, system, load, level in loads:
        factor = slowed if system == victim else 1.0
        times = 2 * factor * speed * np.exp(scatter * random.standard_normal(rounds))
        measured = [
            {
                "throughput": 1000 * level / time,
                "p50_ms": time,
                "p99_ms": 2 * time,
                "yardstick_ms": 5 * pace,
            }
            for time, pace in zip(times.tolist(), speed.tolist(), strict=True)
        ]
        rows.append(
            {
                "scenario": scenario, "system": system, "load": load, "level": level,
                "candidates": 100, "requests": 200 * rounds, "p50_ms": float(np.median(times)),
                "rounds": measured,
            }
        )  # fmt: skip
    return {
        "name": "serving", "commit": "0123456789abcdef", "device": DEVICE, "rounds": rounds,
        "yardstick_ms": (5 * speed).tolist(), "rows": rows, "headline": {},
    }  # fmt: skip


def compared(before: dict[str, Any], after: dict[str, Any], **options: Any) -> Comparison:
    return compare(Result.model_validate(before), Result.model_validate(after), **options)


@pytest.mark.parametrize("rounds", [5, 6, 7, 8])
def test_a_planted_slowdown_is_found_and_only_where_it_is(rounds: int) -> None:
    found = compared(
        bench_result(rounds, rounds=rounds), bench_result(100 + rounds, rounds=rounds, slowed=1.15)
    )
    assert len(found.changes) == COMPARISONS
    assert found.regressions == found.judged
    for item in found.judged:
        assert item.verdict == "slower"
        wanted = 0.15 if item.metric == "p50_ms" else 1 / 1.15 - 1
        assert item.low < wanted < item.high
    assert {item.verdict for item in found.changes if item.system == "rival"} == {"noise"}


@pytest.mark.parametrize("machine", [1.0, 1.3, 1 / 1.3])
def test_nothing_changed_is_never_called_a_regression_however_fast_the_machine(
    machine: float,
) -> None:
    for seed in range(10):
        found = compared(bench_result(seed), bench_result(1000 + seed, machine=machine))
        assert {item.verdict for item in found.changes} == {"noise"}
        assert found.regressions == ()
    assert found.yardstick == pytest.approx(machine, rel=0.15)


def test_faster_is_told_and_fails_nothing() -> None:
    found = compared(bench_result(1), bench_result(2, slowed=1 / 1.15))
    assert {item.verdict for item in found.judged} == {"faster"}
    assert found.regressions == ()


def test_a_change_within_the_bound_is_slower_but_no_regression() -> None:
    before, after = bench_result(1, scatter=0.003), bench_result(2, scatter=0.003, slowed=1.03)
    found = compared(before, after)
    assert {item.verdict for item in found.judged} == {"slower"}
    assert found.regressions == ()
    assert len(compared(before, after, bound=0.01).regressions) == len(found.judged)


def test_a_large_change_within_the_noise_is_no_regression() -> None:
    found = compared(bench_result(1, scatter=0.3), bench_result(2, scatter=0.3, slowed=1.15))
    assert {item.verdict for item in found.judged} == {"noise"}
    assert all(item.smallest > found.bound for item in found.judged)
    assert found.regressions == ()


def test_what_could_have_been_told_is_what_is_told() -> None:
    before, after = bench_result(1), bench_result(2)
    (item,) = (c for c in compared(before, after).judged if c.level == 4 and c.metric == "p50_ms")
    for share, verdict in ((0.99, "noise"), (1.01, "slower")):
        planted = json.loads(json.dumps(after))
        for measured in planted["rows"][1]["rounds"]:
            measured["p50_ms"] *= (1 + share * item.smallest) / (1 + item.change)
        (again,) = (
            c for c in compared(before, planted).judged if c.level == 4 and c.metric == "p50_ms"
        )
        assert again.verdict == verdict


def test_peers_never_fail_it_unless_asked_for() -> None:
    before, after = bench_result(1), bench_result(2, slowed=1.5, victim="rival")
    found = compared(before, after)
    assert found.regressions == ()
    assert {item.verdict for item in found.changes if item.system == "rival"} == {"slower"}
    assert {item.system for item in compared(before, after, system="rival").regressions} == {
        "rival"
    }


def test_intervals_widen_with_the_number_of_comparisons() -> None:
    few = compared(bench_result(1, loads=LOADS[:1]), bench_result(2, loads=LOADS[:1]))
    assert [item.metric for item in few.changes] == ["p50_ms", "throughput"]
    assert few.confidence == pytest.approx(1 - 0.05 / 2)
    many = compared(bench_result(1), bench_result(2))
    assert many.confidence == pytest.approx(1 - 0.05 / JUDGED)
    assert many.changes[0].smallest > few.changes[0].smallest


def test_false_alarms_of_the_whole_family_stay_at_five_in_a_hundred() -> None:
    """Uncorrected, one of four independent rows would raise it in nearly every fifth comparison."""
    alarms = 0
    for seed in range(300):
        found = compared(bench_result(seed, rounds=5), bench_result(10_000 + seed, rounds=5))
        alarms += any(item.verdict != "noise" for item in found.changes)
    assert alarms <= 300 * 0.05 + 2 * (300 * 0.05 * 0.95) ** 0.5


def test_welch_agrees_with_scipy_for_rounds_of_different_number_and_scatter() -> None:
    random = np.random.default_rng(3)
    first, second = random.normal(0, 1, 5), random.normal(1, 3, 8)
    difference, half = welch(first.tolist(), second.tolist(), 0.99)
    interval = ttest_ind(second, first, equal_var=False).confidence_interval(0.99)
    assert (difference - half, difference + half) == pytest.approx(tuple(interval))


def test_a_result_beside_itself_has_not_changed_even_without_scatter() -> None:
    for scatter in (0.0, 0.03):
        result = bench_result(1, scatter=scatter)
        found = compared(result, result)
        assert {item.verdict for item in found.changes} == {"noise"}
        assert {item.change for item in found.changes} == {0.0}
        assert found.yardstick == 1


def test_rows_of_one_side_are_named() -> None:
    found = compared(bench_result(1, loads=LOADS[:2]), bench_result(2, loads=LOADS[1:]))
    assert found.only_before == ("pintower, log, closed, 1 in flight, 200 requests of 100 pins",)
    assert found.only_after == (
        "pintower, log, open, 200/s, 200 requests of 100 pins",
        "rival, log, closed, 1 in flight, 200 requests of 100 pins",
    )
    assert {item.level for item in found.changes} == {4}
    json.dumps(asdict(found))


def test_figures_are_given_as_measured() -> None:
    before, after = bench_result(1, machine=1.0), bench_result(1, machine=2.0)
    item = compared(before, after).changes[0]
    assert item.after == pytest.approx(2 * item.before)
    assert item.change == pytest.approx(0, abs=1e-12)


def test_rows_of_another_number_of_requests_are_no_pair() -> None:
    fewer = bench_result(2, loads=LOADS)
    fewer["rows"][0]["requests"] //= 2
    found = compared(bench_result(1), fewer)
    assert found.only_before == ("pintower, log, closed, 1 in flight, 200 requests of 100 pins",)
    assert found.only_after == ("pintower, log, closed, 1 in flight, 100 requests of 100 pins",)


def test_results_of_different_devices_are_refused() -> None:
    other = {**bench_result(2), "device": {**DEVICE, "processor": "Xeon", "cores": 16}}
    with pytest.raises(InputError, match=r"AMD EPYC, 2 cores.*Xeon, 16 cores"):
        compared(bench_result(1), other)


def test_results_of_processors_with_other_instructions_are_refused() -> None:
    wider = {**DEVICE, "instructions": "avx512_vnni"}
    narrower = {**DEVICE, "instructions": "avx2"}
    with pytest.raises(InputError, match=r"\(avx512_vnni\).*\(avx2\)"):
        compared({**bench_result(1), "device": wider}, {**bench_result(2), "device": narrower})


def test_the_memory_of_a_machine_may_differ() -> None:
    compared(bench_result(1), {**bench_result(2), "device": {**DEVICE, "memory_gib": 23.4}})


@pytest.mark.parametrize("loads", [LOADS[2:3], LOADS[3:]])
def test_results_that_share_no_row_that_could_fail_are_refused(
    loads: Sequence[tuple[str, str, str, int]],
) -> None:
    """A comparison that judged nothing must not end as one that found nothing."""
    before = bench_result(1, loads=(*LOADS[:2], LOADS[3]))
    with pytest.raises(InputError, match="no row of the system 'pintower' in common"):
        compared(before, bench_result(2, loads=loads))


def saved(folder: Path, result: dict[str, Any]) -> Path:
    path = folder / "results.json"
    path.write_text(json.dumps(result))
    return path


def test_a_saved_result_is_read(tmp_path: Path) -> None:
    result = Result.load(saved(tmp_path, bench_result(1)))
    assert [len(row.rounds) for row in result.rows] == [6] * len(LOADS)


def test_too_few_rounds_are_refused(tmp_path: Path) -> None:
    old = {"name": "serving", "device": DEVICE, "rows": [{"scenario": "log", "p50_ms": 2.0}]}
    for result in (bench_result(1, rounds=2), old):
        with pytest.raises(InputError, match=r"rows\.0\.rounds.*fewer than 3.*Measure again"):
            Result.load(saved(tmp_path, result))


def test_a_figure_that_has_no_logarithm_is_refused(tmp_path: Path) -> None:
    result = bench_result(1)
    result["rows"][1]["rounds"][2]["p50_ms"] = 0.0
    with pytest.raises(InputError, match=r"rows\.1\.rounds\.2\.p50_ms.*greater than 0"):
        Result.load(saved(tmp_path, result))


def test_a_row_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="more than once: pintower, log, closed, 1 in flight"):
        Result.load(saved(tmp_path, bench_result(1, loads=(*LOADS, LOADS[0]))))


@pytest.mark.parametrize("content", ["[]", "{}", "no json"])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"other\.json is no"):
        Result.load(path)
