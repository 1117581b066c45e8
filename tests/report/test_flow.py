from pathlib import Path

from pintower.report.flow import describe_flow, told
from tests.report.conftest import bench_results, bench_row


def test_figures_are_told_in_words_not_in_keys() -> None:
    assert told("labels", {"pairs": 120_000, "queries": 1, "shards": 4}) == (
        "120,000 pairs labelled, 1 query"
    )
    assert told("data", {"name": "shoes", "layout": "MSRD", "pins": 1, "test_queries": 27}) == (
        "in the layout of MSRD, 1 pin, 27 held out"
    )
    assert told("pins", {"snapshot": "abc", "pins": 3, "not_finite": 0}) == "3 pins"


def test_a_figure_nobody_knew_is_told_under_its_key() -> None:
    assert told("student", {"adopted_from": "a folder", "layers": 6, "losses": [1, 2]}) == (
        "adopted from a folder, layers 6"
    )


def test_stages_come_in_order_with_time_and_size(finished: dict[str, Path]) -> None:
    steps = describe_flow(finished, bench_results(bench_row(), bench_row(requests=1_000)))
    assert [step.name for step in steps] == list(finished)
    assert [step.name for step in steps if step.branch] == ["evaluation"]
    assert steps[-1].made == "1,300 requests in 2 measurements"
    assert all(step.seconds is not None and 0 <= step.share <= 100 for step in steps)
    assert max(step.share for step in steps) in (0, 100)


def test_a_student_from_elsewhere_has_no_time(finished: dict[str, Path]) -> None:
    (finished["student"] / "manifest.json").unlink()
    del finished["teacher"], finished["labels"]
    steps = {step.name: step for step in describe_flow(finished, bench_results(bench_row()))}
    assert "teacher" not in steps
    assert (steps["student"].made, steps["student"].seconds) == ("made elsewhere", None)
