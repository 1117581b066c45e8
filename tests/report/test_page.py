import json
import re
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import polars as pl
import pytest

from pintower.artifacts import write_json
from pintower.config import ReportConfig
from pintower.errors import InputError
from pintower.gates import gate, write_gates
from pintower.report import run
from pintower.report.page import render
from tests.report.conftest import (
    DATASET,
    ROOFLINE,
    TITLES,
    bench_results,
    bench_row,
    change,
    judged,
    measured,
    write_run,
)

_EMPTY = {"meta", "br", "hr", "img", "link", "input"}


class _Outline(HTMLParser):
    """Notes the elements, and complains about one that is closed in the wrong place."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def attributes(self, name: str) -> list[str]:
        return [found or "" for _, attrs in self.elements if (found := attrs.get(name)) is not None]


def outline(page: str) -> _Outline:
    found = _Outline()
    found.feed(page)
    assert found.open == []
    return found


def written(inputs: dict[str, Path], folder: Path, examples: int = 8) -> str:
    folder.mkdir(exist_ok=True)
    info = run(ReportConfig(examples=examples), inputs, folder)
    page = (folder / "report.html").read_text("utf-8")
    assert info == {"kilobytes": round(len(page.encode()) / 1000)}
    return page


def test_the_page_holds_the_graphs_to_the_machine(
    finished: dict[str, Path], tmp_path: Path
) -> None:
    results = {**bench_results(bench_row()), "roofline": ROOFLINE}
    write_json(finished["bench"] / "results.json", results)
    page = written(finished, tmp_path / "report")
    outline(page)
    for words in ("Against the machine's ceilings", "970 GOP/s in int8", "16 tokens"):
        assert words in page


def test_the_page_says_what_the_run_came_to(finished: dict[str, Path], tmp_path: Path) -> None:
    page = written(finished, tmp_path / "report")
    assert "<title>shoes: pintower run report</title>" in page
    for words in ("answers 100 candidates in", "120,000 pairs labelled", "Student against BM25",
                  "Student against the mixture of cosine and BM25",
                  "Scorer: largest difference from torch",
                  "Query log, replayed once", "Furthest from the ideal order", "Red shoes",
                  "b0816409221c55b9"):  # fmt: skip
        assert words in page, words


def test_the_page_needs_nothing_beside_it(finished: dict[str, Path], tmp_path: Path) -> None:
    page = written(finished, tmp_path / "report")
    found = outline(page)
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in found.elements}
    assert all(target.startswith("#") for target in found.attributes("href"))
    assert "url(" not in page and "@import" not in page and "http" not in page
    assert len(page.encode()) < 300_000


def test_links_lead_somewhere_and_headings_and_tables_are_what_they_look_like(
    finished: dict[str, Path], tmp_path: Path
) -> None:
    found = outline(written(finished, tmp_path / "report"))
    ids = found.attributes("id")
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in found.attributes("href")} <= set(ids)
    assert set(found.attributes("aria-labelledby")) <= set(ids)
    tags = [tag for tag, _ in found.elements]
    assert tags.count("h1") == 1
    assert all("scope" in attrs for tag, attrs in found.elements if tag == "th")
    assert tags.count("thead") == tags.count("table")


def test_levels_carry_their_digit_and_not_their_colour_alone(
    finished: dict[str, Path], tmp_path: Path
) -> None:
    page = written(finished, tmp_path / "report")
    badges = re.findall(r'<b class="(?:level )?l(\d)(?: unknown)?">(\d)</b>', page)
    assert len(badges) > 50
    assert all(colour == digit for colour, digit in badges)


def test_text_of_users_is_escaped_and_keeps_its_direction(tmp_path: Path) -> None:
    titles = TITLES | {"pin-00": "<script>alert(1)</script>", "pin-01": "أحذية <b>حمراء</b>"}
    predictions = judged().with_columns(
        query=pl.col("query").replace({"shoes 0": '<img src=x onerror="1">'})
    )
    inputs = write_run(tmp_path, predictions, measured(predictions), titles)
    write_json(inputs["data"] / "dataset.json", DATASET | {"name": "<i>mine</i>"})
    page = written(inputs, tmp_path / "report")
    assert "&lt;script&gt;alert(1)" in page and '<bdi dir="auto">أحذية &lt;b&gt;حمراء' in page
    assert "<script>" not in page and "<img" not in page and "<i>mine" not in page


def test_long_words_do_not_make_the_page_large(tmp_path: Path) -> None:
    titles = dict.fromkeys(TITLES, "W" * 10_000)
    predictions = judged().with_columns(query=pl.col("query") + "x" * 5_000)
    inputs = write_run(tmp_path, predictions, measured(predictions), titles)
    assert len(written(inputs, tmp_path / "report")) < 200_000


def test_a_student_from_an_encoder_has_a_page_on_yes_and_no_judgments(tmp_path: Path) -> None:
    predictions = judged(levels=(1, 5), teacher=False)
    inputs = write_run(tmp_path, predictions, measured(predictions), dict.fromkeys(TITLES, ""))
    del inputs["teacher"], inputs["labels"]
    page = written(inputs, tmp_path / "report")
    outline(page)
    assert "eacher" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    assert 'class="level l3"' not in page
    assert "pin pin-3" in page


def test_a_run_without_test_judgments_has_a_page_that_says_so(
    finished: dict[str, Path], tmp_path: Path
) -> None:
    empty = judged().head(0).select("query", "pin_id", "level", "language")
    empty.write_parquet(finished["evaluation"] / "predictions.parquet")
    metrics = {
        "queries": 0, "pairs": 0, "measures": ["ndcg@20"], "models": {}, "confidence": 0.95,
        "reason": "the test split is empty", "caveats": ["No query is held out."],
    }  # fmt: skip
    write_json(finished["evaluation"] / "metrics.json", metrics)
    page = written(finished, tmp_path / "report")
    outline(page)
    assert "Nothing was measured: the test split is empty." in page
    assert "No query is held out." in page.split("<main")[0]
    assert 'id="rankings"' not in page and 'href="#rankings"' not in page


def test_the_headline_names_the_best_baseline_with_its_caveats_and_what_to_try(
    finished: dict[str, Path], tmp_path: Path
) -> None:
    path = finished["evaluation"] / "metrics.json"
    change(path, caveats=["Only 6 queries are held out."], advice=["Judge more queries."])
    page = written(finished, tmp_path / "report")
    header = page.split("<main")[0]
    assert "the mixture of cosine and BM25, the best baseline" in header
    assert "Only 6 queries are held out." in header
    assert "<b>To try:</b> Judge more queries." in header
    table = page.split("Paired by query")[1].split("Every measure")[0]
    assert "Only 6 queries are held out." in table
    assert "the best baseline" in table.split("</tr>")[1]


def test_reliability_is_drawn_for_graded_judgments(
    finished: dict[str, Path], tmp_path: Path
) -> None:
    page = written(finished, tmp_path / "report")
    plot = page.split("Can the probabilities be believed?")[1].split("</figure>")[0]
    assert '<g class="student">' in plot
    bins = json.loads((finished["evaluation"] / "metrics.json").read_text())["reliability"]
    assert plot.count("<circle") == len(bins["student"])


def test_a_failed_gate_and_gates_that_were_not_measured_are_told(
    finished: dict[str, Path], tmp_path: Path
) -> None:
    (finished["repository"] / "gates.json").unlink()
    write_gates(finished["export"] / "gates.json", [gate("scorer.max_abs", float("nan"), 1.0)], {})
    page = written(finished, tmp_path / "report")
    outline(page)
    assert "✕ failed" in page
    assert "The served release went unmeasured in this run." in page
    assert "1 of 1 gates failed: scorer: largest difference from torch." in page


def test_the_page_of_the_same_run_is_the_same(finished: dict[str, Path], tmp_path: Path) -> None:
    assert written(finished, tmp_path / "a") == written(finished, tmp_path / "b")


def test_fewer_examples_are_shown_where_fewer_are_asked_for(
    finished: dict[str, Path], tmp_path: Path
) -> None:
    few = written(finished, tmp_path / "few", examples=1).count('class="ranking"')
    many = written(finished, tmp_path / "many", examples=8).count('class="ranking"')
    assert 1 <= few <= 2 < many


def test_a_folder_that_lacks_a_file_is_a_clear_error(
    finished: dict[str, Path], tmp_path: Path
) -> None:
    (finished["bench"] / "results.json").unlink()
    with pytest.raises(InputError, match=r"results\.json does not exist"):
        written(finished, tmp_path / "report")
    assert not (tmp_path / "report" / "report.html").exists()


def test_a_name_the_templates_do_not_know_is_an_error_and_not_a_hole() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render({"title": "half"})
