from collections.abc import Sequence
from pathlib import Path

import pytest

from pintower.gates import Gate, gate, write_gates
from pintower.metrics.comparison import verdict_of
from pintower.report.gate_tables import GateFile, describe_gates
from pintower.report.latency import describe_latency
from pintower.report.quality import Difference, Quality
from pintower.report.verdict import tiles, verdict
from tests.report.conftest import bench_results, bench_row

LATENCY = describe_latency(bench_results(bench_row()))


def quality(*differences: Difference, reason: str = "", caveats: Sequence[str] = ()) -> Quality:
    return Quality(
        queries=64, pairs=1_280, reason=reason, confidence=0.95, caveats=caveats, advice=[],
        absent=[], models=[], rows=[], bars=[], scale=None, differences=differences, reliability=[],
        levels=[], slices=[], slice_scale=None, hidden_slices=0,
    )  # fmt: skip


def difference(
    low: float, value: float, high: float, baseline: str = "BM25", *, best: bool = True
) -> Difference:
    verdict = verdict_of(low, high, 64)
    return Difference("Student", baseline, best, value, low, high, verdict, (1, 1, 1))


AHEAD = difference(0.055, 0.061, 0.067)
LEVEL = difference(-0.042, -0.018, 0.002)
BEHIND = difference(-0.375, -0.216, -0.064)
JUDGED = "Gates compare the release with the student; they do not judge the student."


def gates(folder: Path, *items: Gate) -> Sequence[GateFile | None]:
    write_gates(folder / "gates.json", items, {})
    return [describe_gates("Served", folder / "gates.json")]


PASSED = gate("served_errors", 0, 0)


def test_a_student_that_is_ahead_is_said_to_be_with_how_fast_it_answers(tmp_path: Path) -> None:
    assert verdict(quality(AHEAD), LATENCY, gates(tmp_path, PASSED)) == (
        "The student beats BM25, the best baseline, by 0.061 nDCG@20 (0.055 to 0.067) and answers "
        f"100 candidates in 3.1\u00a0ms at the median. Every gate passed. {JUDGED}"
    )


def test_a_student_that_is_behind_or_even_is_not_praised(tmp_path: Path) -> None:
    found = gates(tmp_path, PASSED)
    behind = verdict(quality(BEHIND), LATENCY, found)
    assert behind.startswith(
        "The student is behind BM25, the best baseline, by 0.216 nDCG@20 (0.064 to 0.375). It "
        "answers 100 candidates"
    )
    even = verdict(quality(LEVEL), LATENCY, found)
    assert even.startswith(
        "The student cannot be told apart from BM25, the best baseline: −0.018 nDCG@20 (−0.042"
    )
    for text in (behind, even):
        assert "beats" not in text and text.endswith(f"Every gate passed. {JUDGED}")


def test_it_is_the_best_baseline_that_counts_and_not_the_one_that_is_beaten(
    tmp_path: Path,
) -> None:
    against = quality(
        difference(-0.03, -0.02, -0.01, "Untuned cosine"),
        difference(0.055, 0.061, 0.067, best=False),
    )
    found = gates(tmp_path, PASSED)
    text = verdict(against, LATENCY, found)
    assert text.startswith("The student is behind the untuned cosine, the best baseline, by 0.020")
    gain = tiles(against, LATENCY, found)[0]
    assert (gain.label, gain.value, gain.unit, gain.tone) == (
        "nDCG@20 over the best baseline, the untuned cosine", "−0.020", "behind", "bad"
    )  # fmt: skip
    assert gain.notes == ["−0.030 to −0.010 on 64 queries", "+0.061 over BM25"]


@pytest.mark.parametrize(
    ("found", "caveats", "tone"),
    [(AHEAD, [], "good"), (LEVEL, [], ""), (BEHIND, [], "bad"),
     (AHEAD, ["Only 3 queries are held out."], "")],
)  # fmt: skip
def test_only_a_student_that_is_ahead_beyond_doubt_is_green(
    tmp_path: Path, found: Difference, caveats: list[str], tone: str
) -> None:
    gain, _, passed, _ = tiles(quality(found, caveats=caveats), LATENCY, gates(tmp_path, PASSED))
    assert gain.tone == tone
    assert passed.tone == ""  # gates say nothing about how good the student is


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
    assert text.endswith(f"Every gate passed, the served ones were not measured. {JUDGED}")
    assert verdict(quality(AHEAD), LATENCY, [None, None]).endswith("No gate was measured.")
    gain = tiles(quality(reason="the test split is empty"), LATENCY, found)[0]
    assert (gain.value, gain.tone) == ("–", "")


def test_tiles_tell_gain_speed_gates_and_cache(tmp_path: Path) -> None:
    cosine = difference(-0.03, -0.01, 0.02, "Untuned cosine", best=False)
    found = gates(tmp_path, PASSED, gate("runtimes_agree", 1.0), gate("unknown_ids", 1, 0))
    gain, speed, passed, cache = tiles(quality(AHEAD, cosine), LATENCY, found)
    assert (gain.label, gain.value, gain.unit, gain.tone) == (
        "nDCG@20 over the best baseline, BM25", "+0.061", "ahead", "good"
    )  # fmt: skip
    assert gain.notes == ["0.055 to 0.067 on 64 queries", "−0.010 over the untuned cosine"]
    assert (speed.value, speed.notes[0]) == ("3.1", "99 of 100 within 6.5\u00a0ms")
    assert (passed.value, passed.unit, passed.tone) == ("1", "of 2", "bad")
    assert passed.notes == [
        "1 failed", "they test the release, not the student", "1 figure told besides"
    ]  # fmt: skip
    assert (cache.value, cache.unit) == ("49", "%")
