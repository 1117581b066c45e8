from pathlib import Path
from typing import Any

import pytest

from pintower.artifacts import read_json, write_json
from pintower.config import ReportConfig
from pintower.errors import InputError
from pintower.report import run
from pintower.report.plan import describe_plan


def row(student: str, **changed: Any) -> dict[str, Any]:
    latency = {"p50_ms": 0.084, "p99_ms": 0.21, "calls": 900}
    measured = {
        "student": student, "layers": 1, "width": 384, "target": "cpu-int8-static",
        "precision": "int8-static", "sha256": "0" * 64, "latency": latency, "megabytes": 14.2,
        "ndcg_loss": 0.0003, "ndcg_low": -0.0011, "ndcg_high": 0.0018, "score_mean_abs": 0.01,
        "batch_sensitivity": 1e-7, "failed": [], "verdict": "on the front",
    }  # fmt: skip
    served = {
        "look_up": latency | {"p50_ms": 0.031}, "scorer": latency | {"p50_ms": 0.412},
        "snapshot_bytes": 25_300_000, "cost_ms": 0.527, "ndcg": 0.93, "language": None,
        "language_loss": None,
    }  # fmt: skip
    return measured | served | changed


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    folder = tmp_path / "plan"
    folder.mkdir()
    rows = [
        row("movies-broken", ndcg_loss=None, failed=["query_encoder.min_cosine"],
            verdict="fails query_encoder.min_cosine"),
        row("movies-1layer", verdict="chosen"),
        row("movies", layers=None, ndcg_low=None, ndcg_high=None),
    ]  # fmt: skip
    made = {
        "rows": rows, "chosen": 1, "max_loss": 0.005, "queries": 1_054, "onnxruntime": "1.32.0",
        "widths": [384], "pins": 9_750, "candidates": 100,
    }  # fmt: skip
    write_json(folder / "plan.json", made)
    (folder / "plan.svg").write_text('<svg class="of-the-plan"></svg>', "utf-8")
    return folder


def test_rows_tell_the_choice_and_what_stands_against_the_others(plan: Path) -> None:
    rows = describe_plan(plan).rows
    assert [item.verdict for item in rows] == [
        "fails query_encoder.min_cosine", "chosen", "on the front",
    ]  # fmt: skip
    assert [item.loss for item in rows] == [None, 0.0003, 0.0003]
    assert [item.layers for item in rows] == ["1", "1", ""]


def test_the_page_shows_the_plot_and_the_rows(
    finished: dict[str, Path], plan: Path, tmp_path: Path
) -> None:
    without, with_plan = tmp_path / "without", tmp_path / "with"
    for folder, config in ((without, ReportConfig()), (with_plan, ReportConfig(plan=plan))):
        folder.mkdir()
        run(config, finished, folder)
    page = (with_plan / "report.html").read_text("utf-8")
    for words in ('<svg class="of-the-plan">', 'href="#plan"', 'id="plan"', "movies-1layer",
                  "0.084", "1,054 judged queries", "0.03\u202f%",
                  "fails query_encoder.min_cosine"):  # fmt: skip
        assert words in page, words
    assert "of-the-plan" not in (without / "report.html").read_text("utf-8")


def test_several_widths_show_look_up_scorer_snapshot_and_language(
    finished: dict[str, Path], plan: Path, tmp_path: Path
) -> None:
    made = read_json(plan / "plan.json")
    made["rows"][1] |= {"width": 64, "language": "de", "language_loss": 0.0123}
    write_json(plan / "plan.json", {**made, "widths": [384, 64]})
    rows = describe_plan(plan).rows
    assert [row.width for row in rows] == ["384", "64", "384"]
    assert (rows[1].look_up_ms, rows[1].scorer_ms, rows[1].snapshot_megabytes) == (
        0.031, 0.412, 25.3,
    )  # fmt: skip
    (tmp_path / "page").mkdir()
    run(ReportConfig(plan=plan), finished, tmp_path / "page")
    page = (tmp_path / "page" / "report.html").read_text("utf-8")
    for words in ("0.031", "0.412", "25.3", "de 1.23", "9,750 pins", "Language that loses most"):
        assert words in page, words


def test_a_plan_of_an_earlier_version_is_shown_without_widths(plan: Path) -> None:
    made = read_json(plan / "plan.json")
    for name in ("widths", "pins", "candidates"):
        del made[name]
    new = ("width", "look_up", "scorer", "snapshot_bytes", "cost_ms", "language", "language_loss")
    old = [{key: row[key] for key in row if key not in new} for row in made["rows"]]
    write_json(plan / "plan.json", {**made, "rows": old})
    assert [(row.width, row.look_up_ms) for row in describe_plan(plan).rows] == [("", None)] * 3


def test_a_folder_without_a_plan_is_refused(
    finished: dict[str, Path], plan: Path, tmp_path: Path
) -> None:
    (plan / "plan.svg").unlink()
    with pytest.raises(InputError, match=r"has no plan\.svg. Give report\.plan the folder"):
        run(ReportConfig(plan=plan), finished, tmp_path)
