"""A stage is given what it reads of the data, and nothing else lies in its folder."""

from pathlib import Path

import polars as pl
import pytest

from pintower.config import DataConfig
from pintower.data.prepare import run
from pintower.data.selection import Source
from pintower.data.views import VIEWS
from pintower.stages import STAGES

QUERIES = ["red shoes", "blue sofa", "lemon cake"]
SPLITS = {"red shoes": "train", "blue sofa": "validation", "lemon cake": "test"}
JUDGED = {"red shoes": "p1", "blue sofa": "p2", "lemon cake": "p3"}


def write_dataset(folder: Path, titles: dict[str, str] | None = None) -> Path:
    """Nine pins with vectors, of which p1 to p3 are judged, p4 is shown and p5 is labelled."""
    folder.mkdir()
    ids = [f"p{row}" for row in range(9)]
    rows = [
        {"pin_id": name, "title": (titles or {}).get(name, f"title of {name}"), "v": [1.0, 2.0]}
        for name in ids
    ]
    pl.DataFrame(rows).write_parquet(folder / "pins.parquet")
    pl.DataFrame(
        [
            {"query": query, "pin_id": pin, "level": 3, "split": SPLITS[query]}
            for query, pin in JUDGED.items()
        ]
    ).write_parquet(folder / "judgments.parquet")
    shown = pl.DataFrame({"query": ["red shoes", "red shoes"], "pin_id": ["p4", "p4"]})
    shown.write_parquet(folder / "impressions.parquet")
    pl.DataFrame({"query": [*QUERIES, "red shoes"]}).write_parquet(folder / "query_log.parquet")
    pl.DataFrame({"query": QUERIES, "q": [[1.0]] * 3}).write_parquet(folder / "queries.parquet")
    return folder


def source_of(root: Path, titles: dict[str, str] | None = None) -> Source:
    data, labels = root / "data", root / "labels"
    for folder in (data, labels):
        folder.mkdir()
    run(DataConfig(path=write_dataset(root / "dataset", titles)), {}, data)
    labelled = pl.DataFrame({"query": ["red shoes"], "pin_id": ["p5"], "p1": [1.0]})
    labelled.write_parquet(labels / "labels-00000.parquet")
    return Source(data, labels)


def written(name: str, source: Source, folder: Path) -> Path:
    folder.mkdir()
    VIEWS[name].write(source, folder)
    return folder


@pytest.mark.parametrize(
    ("name", "files", "pins", "queries"),
    [
        ("teacher", "judgments match_stats pins", "p0 p1 p2 p3 p4 p5 p6 p7 p8",
         "red shoes,blue sofa"),
        ("student", "calibration dataset.json judgments match_stats pins queries",
         "p0 p1 p2 p3 p4 p5 p6 p7 p8", "red shoes,blue sofa"),
        ("export", "judgments pins queries", "p3", "lemon cake"),
    ],
)  # fmt: skip
def test_a_view_holds_the_rows_that_are_read_and_no_others(
    tmp_path: Path, name: str, files: str, pins: str, queries: str
) -> None:
    folder = written(name, source_of(tmp_path), tmp_path / "view")
    assert sorted(path.name.removesuffix(".parquet") for path in folder.iterdir()) == files.split()
    assert pl.read_parquet(folder / "pins.parquet")["pin_id"].to_list() == pins.split()
    judgments = pl.read_parquet(folder / "judgments.parquet")
    assert judgments["query"].to_list() == queries.split(",")
    if "queries" in files.split():
        vectors = pl.read_parquet(folder / "queries.parquet")
        assert vectors["query"].to_list() == queries.split(",")


@pytest.mark.parametrize(
    ("pin", "readers"),
    [
        ("p8", set()),
        ("p1", {"teacher", "student", "adopted student", "evaluation"}),
        ("p2", {"teacher", "student"}),
        ("p3", {"evaluation", "export"}),
        ("p4", set()),  # shown, and not labelled
        ("p5", {"labels", "student"}),
    ],
)
def test_a_changed_pin_counts_for_the_stages_that_read_it(
    tmp_path: Path, pin: str, readers: set[str]
) -> None:
    before, after = (
        source_of(tmp_path / name, titles)
        for name, titles in (("before", None), ("after", {pin: "another title"}))
        if not (tmp_path / name).mkdir()
    )
    changed = {name for name, view in VIEWS.items() if view.hashes(before) != view.hashes(after)}
    assert changed == {*readers, "pins"}


def test_the_export_reads_languages_of_judgments(tmp_path: Path) -> None:
    folder = written("export", source_of(tmp_path), tmp_path / "view")
    columns = pl.read_parquet(folder / "judgments.parquet").columns
    assert columns == ["query", "pin_id", "level", "language", "split"]


def test_what_is_drawn_from_is_there_and_does_not_count(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    folder = written("labels", source, tmp_path / "view")
    assert len(pl.read_parquet(folder / "pins.parquet")) == 9
    assert set(VIEWS["student"].hashes(source)) == {
        "dataset.json", "judgments.parquet", "pins.parquet", "queries.parquet",
    }  # fmt: skip


def test_every_stage_that_reads_the_data_and_is_no_report_has_a_view() -> None:
    reading = {stage.name: stage.view for stage in STAGES if "data" in stage.inputs}
    assert reading.pop("report") == ""
    assert set(reading.values()) <= set(VIEWS)
    assert all(reading.values())


def test_a_view_has_the_same_bytes_however_its_files_were_written(tmp_path: Path) -> None:
    """The order of a catalogue and the pieces of its file count for nothing."""
    source = source_of(tmp_path)
    before = {name: VIEWS[name].hashes(source) for name in ("teacher", "student", "export")}
    pins = pl.read_parquet(source.data / "pins.parquet").reverse()
    pl.concat([pins[:4], pins[4:]], rechunk=False).write_parquet(
        source.data / "pins.parquet", row_group_size=2, compression="snappy"
    )
    again = Source(source.data, source.labels)
    assert {name: VIEWS[name].hashes(again) for name in before} == before
