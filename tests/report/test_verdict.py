from collections.abc import Sequence
from pathlib import Path

from pintower.gates import Gate, gate, write_gates
from pintower.report.gate_tables import GateFile, describe_gates
from pintower.report.latency import describe_latency
from pintower.report.quality import Difference, Quality
from pintower.report.verdict import tiles, verdict
from tests.report.conftest import bench_results, bench_row

LATENCY = describe_latency(bench_results(bench_row()))


def quality(*differences: Difference, reason: str = "") -> Quality:
    return Quality(
        queries=64, pairs=1_280, reason=reason, confidence=0.95, measures=[], rows=[], bars=[],
        scale=None, differences=differences, levels=[], slices=[], slice_scale=None,
        hidden_slices=0,
    )  # fmt: skip


def difference(low: float, value: float, high: float, verdict: str) -> Difference:
    return Difference("Student", "BM25", value, low, high, verdict, (1, 1, 1))


AHEAD = difference(0.055, 0.061, 0.067, "ahead")


def gates(folder: Path, *items: Gate) -> Sequence[GateFile | None]:
    write_gates(folder / "gates.json", items, {})
    return [describe_gates("Served", folder / "gates.json")]


PASSED = gate("served_errors", 0, 0)


def test_a_student_that_is_ahead_is_said_to_be_with_how_fast_it_answers(tmp_path: Path) -> None:
    assert verdict(quality(AHEAD), LATENCY, gates(tmp_path, PASSED)) == (
        "The student beats BM25 by 0.061 nDCG@20 (0.055 to 0.067) and answers 100 candidates in "
        "3.1\u00a0ms at the median. Every gate passed."
    )


def test_a_student_that_is_behind_or_even_is_not_praised(tmp_path: Path) -> None:
    found = gates(tmp_path, PASSED)
    behind = verdict(quality(difference(-0.375, -0.216, -0.064, "behind")), LATENCY, found)
    assert behind.startswith(
        "The student is behind BM25 by 0.216 nDCG@20 (0.064 to 0.375). It answers 100 candidates"
    )
    even = verdict(quality(difference(-0.042, -0.018, 0.002, "not told apart")), LATENCY, found)
    assert even.startswith("The student cannot be told apart from BM25: −0.018 nDCG@20")


def test_failed_gates_and_requests_are_named(tmp_path: Path) -> None:
    latency = describe_latency(bench_results(bench_row(failures=7)))
    found = gates(tmp_path, gate("served_errors", 2, 0), gate("unknown_ids", 1, 0), PASSED)
    text = verdict(quality(AHEAD), latency, found)
    assert "2 of 3 gates failed: queries answered with an error and 1 more." in text
    assert text.endswith("Under load 7 requests failed.")


def test_nothing_is_claimed_that_was_not_measured(tmp_path: Path) -> None:
    found = [*gates(tmp_path, PASSED), None]
    text = verdict(quality(reason="the test split is empty"), LATENCY, found)
    assert "No gain in quality is known: the test split is empty." in text
    assert text.endswith("Every gate passed, the served ones were not measured.")
    assert verdict(quality(AHEAD), LATENCY, [None, None]).endswith("No gate was measured.")
    gain = tiles(quality(reason="the test split is empty"), LATENCY, found)[0]
    assert (gain.value, gain.tone) == ("–", "")


def test_tiles_tell_gain_speed_gates_and_cache(tmp_path: Path) -> None:
    cosine = Difference(
        "Student", "Untuned cosine", -0.01, -0.03, 0.02, "not told apart", (1, 1, 1)
    )
    found = gates(tmp_path, PASSED, gate("runtimes_agree", 1.0), gate("unknown_ids", 1, 0))
    gain, speed, passed, cache = tiles(quality(AHEAD, cosine), LATENCY, found)
    assert (gain.label, gain.value, gain.unit, gain.tone) == (
        "nDCG@20 over BM25", "+0.061", "ahead", "good"
    )  # fmt: skip
    assert gain.notes == ["0.055 to 0.067 on 64 queries", "−0.010 over the untuned cosine"]
    assert (speed.value, speed.notes[0]) == ("3.1", "99 of 100 within 6.5\u00a0ms")
    assert (passed.value, passed.unit, passed.tone) == ("1", "of 2", "bad")
    assert passed.notes == ["1 failed", "1 figure told besides"]
    assert (cache.value, cache.unit) == ("49", "%")
