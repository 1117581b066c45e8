import json
import logging
from pathlib import Path

import polars as pl
import pytest

from pintower import labels as stage
from pintower.config import LabelsConfig
from pintower.errors import DatasetError
from pintower.models.cross_encoder import fingerprint
from tests.training.conftest import judge, write_data


class Killed(BaseException):
    """Stands for kill -9: nothing in the code catches it."""


def shards(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_labels_hold_five_probabilities_of_distinct_pairs(labels: Path, teacher: Path) -> None:
    table = pl.read_parquet(labels / "labels-*.parquet")
    assert table.columns == ["query", "pin_id", "p1", "p2", "p3", "p4", "p5", "teacher"]
    assert table.schema["p1"] == pl.Float32
    assert len(table) == 100
    assert [len(pl.read_parquet(path)) for path in sorted(labels.glob("*.parquet"))] == [
        30,
        30,
        30,
        10,
    ]
    told = json.loads((labels / "labels.json").read_text())
    assert told == {"pairs": 100, "queries": 3, "shards": 4}
    assert table.select("query", "pin_id").is_unique().all()
    total = table.select(pl.sum_horizontal("p1", "p2", "p3", "p4", "p5")).to_series()
    assert (total - 1).abs().max() < 1e-5
    assert set(table["teacher"]) == {fingerprint(teacher)}


def test_labels_never_hold_a_held_out_query(labels: Path) -> None:
    """The impressions log them in another spelling; scores on them would be the teacher's echo."""
    queries = set(pl.read_parquet(labels / "labels-*.parquet")["query"])
    assert queries == {"red shoes", "garden bench", "beach house"}


@pytest.mark.parametrize("kill_at", [0, 1, 3])
def test_killed_labelling_ends_with_the_bytes_of_an_unkilled_one(
    data: Path,
    teacher: Path,
    labels_config: LabelsConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kill_at: int,
) -> None:
    inputs = {"data": data, "teacher": teacher}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    info = stage.run(labels_config, inputs, whole)

    label, calls = stage._label, []

    def label_until_killed(*args: object) -> pl.DataFrame:
        if len(calls) == kill_at:
            raise Killed
        calls.append(args)
        return label(*args)

    with monkeypatch.context() as patch:
        patch.setattr(stage, "_label", label_until_killed)
        with pytest.raises(Killed):
            stage.run(labels_config, inputs, killed)
    (killed / ".labels-00003.parquet").write_bytes(b"half a shard")
    assert len(list(killed.glob("labels-*"))) == kill_at

    with caplog.at_level(logging.INFO):
        assert stage.run(labels_config, inputs, killed) == info
    assert shards(killed) == shards(whole)
    assert (f"resuming: {kill_at} of 4 shards are there" in caplog.text) == (kill_at > 0)


def test_labels_respect_the_cap_per_query(
    data: Path, teacher: Path, tmp_path: Path, labels_config: LabelsConfig
) -> None:
    config = labels_config.model_copy(update={"max_per_query": 7})
    stage.run(config, {"data": data, "teacher": teacher}, tmp_path)
    table = pl.read_parquet(tmp_path / "labels-*.parquet")
    assert set(table["query"].value_counts()["count"]) == {7}


def test_labels_come_from_bm25_and_chance_where_nothing_was_logged(
    tiny_pins: pl.DataFrame, labels_config: LabelsConfig
) -> None:
    empty = {
        name: pl.DataFrame(schema={"query": pl.String, "pin_id": pl.String})
        for name in ("impressions", "query_log")
    }
    config = labels_config.model_copy(update={"pairs": 30})
    judgments = judge(tiny_pins)
    pairs = stage.sample_pairs(config, tiny_pins, judgments=judgments, **empty)
    again = stage.sample_pairs(config, tiny_pins, judgments=judgments, **empty)
    assert pairs.equals(again)
    assert pairs.is_unique().all()
    counts = dict(pairs["query"].value_counts().iter_rows())
    assert set(counts) == {"red shoes", "garden bench", "beach house"}
    assert all(9 <= count <= 10 for count in counts.values())
    titles = pairs.join(tiny_pins, on="pin_id").select("query", "title").iter_rows()
    matching = sum(query in title for query, title in titles)
    assert 24 <= matching < 30


def test_labels_refuse_a_dataset_without_any_usable_query(
    tiny_pins: pl.DataFrame, tmp_path: Path, teacher: Path, labels_config: LabelsConfig
) -> None:
    data = write_data(tmp_path / "data", tiny_pins, judgments=judge(tiny_pins, ("lemon cake",)))
    with pytest.raises(DatasetError, match="no pair to label.*Add a query log"):
        stage.run(labels_config, {"data": data, "teacher": teacher}, tmp_path)


def test_a_teacher_that_beats_no_baseline_labels_nothing_unless_forced(
    data: Path,
    teacher: Path,
    labels_config: LabelsConfig,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """This one was barely trained: the pins that a query names have its words."""
    inputs = {"data": data, "teacher": teacher}
    config = labels_config.model_copy(update={"force": False})
    info = stage.run(config, inputs, tmp_path)
    assert info["pairs"] == 0 and "no query could be held out" not in info["reason"]
    assert list(shards(tmp_path)) == ["labels.json"]
    assert json.loads((tmp_path / "labels.json").read_text()) == info
    assert "nothing is labelled" in caplog.text
    assert stage.run(labels_config, inputs, tmp_path)["pairs"] == 100
