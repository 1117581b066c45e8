"""The data stage writes every table that later stages read, whatever the user left out."""

import json
import logging
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pintower.config import DataConfig, SyntheticConfig
from pintower.data.prepare import run
from pintower.data.tables import SCHEMAS, read_table
from pintower.errors import DatasetError
from pintower.text.match_features import MatchStatistics

QUERIES = [f"query {i}" for i in range(10)]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    folder.mkdir()
    pl.DataFrame(
        {
            "pin_id": ["a", "b"],
            "title": ["red sofa", "oak shelf"],
            "visual": pl.Series([[0.5, 1.0, 2.0], None], dtype=pl.List(pl.Float64)),
        }
    ).write_parquet(folder / "pins.parquet")
    pl.DataFrame({"query": QUERIES, "pin_id": ["a"] * 10, "level": [4] * 10}).write_parquet(
        folder / "judgments.parquet"
    )
    return folder


def prepare(dataset: Path, tmp_path: Path, **options: Any) -> Path:
    out = tmp_path / "data"
    out.mkdir()
    run(DataConfig(path=dataset, name="mine", **options), {}, out)
    return out


def test_every_table_is_written_in_its_schema(dataset: Path, tmp_path: Path) -> None:
    out = prepare(dataset, tmp_path)
    assert not (out / "queries.parquet").exists()
    for table in SCHEMAS.keys() - {"queries"}:
        schema, found = SCHEMAS[table], read_table(out, table).schema
        assert {name: found[name] for name in schema} == schema
    described = json.loads((out / "dataset.json").read_text())
    assert described["name"] == "mine"
    assert described["layout"] is None
    assert described["levels"] == [4]
    assert (described["log"], described["generated"]) == ("judgments", False)
    assert described["feature_columns"] == [{"name": "visual", "width": 3}]
    assert described["query_feature_columns"] == []
    assert described["pins"] == 2
    assert sum(described["judged_queries"].values()) == 10
    assert all(described["judged_queries"].values())
    assert MatchStatistics.load(out / "match_stats").pins == 2
    assert sorted(path.name for path in out.iterdir()) == [
        "calibration", "dataset.json", "impressions.parquet", "judgments.parquet", "match_stats",
        "pins.parquet", "query_log.parquet",
    ]  # fmt: skip


def test_engaged_queries_come_from_training_queries_alone(dataset: Path, tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "query": [*QUERIES, *(q.upper() for q in QUERIES), "never judged", "not clicked"],
            "pin_id": ["a"] * 20 + ["b", "b"],
            "engagement": ["click"] * 20 + ["save", "none"],
        }
    ).write_parquet(dataset / "impressions.parquet")
    out = prepare(dataset, tmp_path)
    judgments = read_table(out, "judgments")
    training = set(judgments.filter(pl.col("split") == "train")["query"])
    engaged = dict(read_table(out, "pins").select("pin_id", "engaged_queries").iter_rows())
    assert set(engaged["a"]) == training
    assert engaged["b"] == ["never judged"]


def test_a_users_own_engaged_queries_are_kept(dataset: Path, tmp_path: Path) -> None:
    pins = pl.read_parquet(dataset / "pins.parquet")
    pins.with_columns(engaged_queries=pl.Series([["mine"], None])).write_parquet(
        dataset / "pins.parquet"
    )
    pl.DataFrame({"query": ["q"], "pin_id": ["b"], "engagement": ["click"]}).write_parquet(
        dataset / "impressions.parquet"
    )
    out = prepare(dataset, tmp_path)
    assert read_table(out, "pins")["engaged_queries"].to_list() == [["mine"], []]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("q", "a", 5), ("q", "b", 1)], "1 judged query: too few"),
        ([("q", "a", 5), ("q", "b", 1), ("Q ", "b", 1)], "1 judged query: too few"),
        ([("q", "a", 5), ("r", "b", 1), ("r", "a", 3)], "2 judged queries: too few"),
        ([(q, "a", 4) for q in "qrst"], "all 4 judgments are of level 4"),
        ([(q, "a", 1 + n) for n, q in enumerate("qrst")], "no query has judged pins of two levels"),
    ],
)
def test_judgments_that_cannot_be_learned_from_or_measured_are_told(
    dataset: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    rows: list[tuple[str, str, int]],
    said: str,
) -> None:
    schema = ["query", "pin_id", "level"]
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(dataset / "judgments.parquet")
    with caplog.at_level(logging.WARNING):
        prepare(dataset, tmp_path)
    assert said in caplog.text
    assert len(caplog.records) == 1


def test_judgments_of_several_queries_and_levels_are_not_remarked_upon(
    dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [(q, pin, level) for q in "qrs" for pin, level in (("a", 5), ("b", 1))]
    pl.DataFrame(rows, schema=["query", "pin_id", "level"], orient="row").write_parquet(
        dataset / "judgments.parquet"
    )
    with caplog.at_level(logging.WARNING):
        prepare(dataset, tmp_path)
    assert caplog.records == []


def test_query_log_falls_back_to_impressions_then_to_judgments(
    dataset: Path, tmp_path: Path
) -> None:
    out = prepare(dataset, tmp_path)
    assert read_table(out, "query_log")["query"].to_list() == QUERIES
    pl.DataFrame(
        {"query": ["late", "early", "early"], "pin_id": ["a", "a", "b"], "timestamp": [9, 1, 1]}
    ).write_parquet(dataset / "impressions.parquet")
    (tmp_path / "second").mkdir()
    out = prepare(dataset, tmp_path / "second")
    assert read_table(out, "query_log")["query"].to_list() == ["early", "late"]


def test_impressions_without_times_stand_for_one_request_a_query(
    dataset: Path, tmp_path: Path
) -> None:
    pl.DataFrame(
        {
            "query": ["b", "a", "b", "b", "timed", "timed", "timed"],
            "pin_id": ["a", "a", "b", "a", "a", "a", "b"],
            "timestamp": [None, None, None, None, 5, 3, 5],
        }
    ).write_parquet(dataset / "impressions.parquet")
    out = prepare(dataset, tmp_path)
    assert read_table(out, "query_log").rows() == [("timed", 3), ("timed", 5), ("b", None),
                                                   ("a", None)]  # fmt: skip


def test_a_public_dataset_is_named_with_its_levels(tmp_path: Path) -> None:
    (tmp_path / "product.csv").write_text(
        "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\t"
        "product_features\trating_count\taverage_rating\treview_count\n"
        "0\toak bed\tBeds\t\t\t\t\t\t\n1\tlamp\tLamps\t\t\t\t\t\t\n"
    )
    (tmp_path / "query.csv").write_text("query_id\tquery\tquery_class\n3\tbed\t\n4\tlamp\t\n")
    (tmp_path / "label.csv").write_text(
        "id\tquery_id\tproduct_id\tlabel\n0\t3\t0\tExact\n1\t3\t1\tIrrelevant\n2\t4\t1\tExact\n"
    )
    out = prepare(tmp_path, tmp_path)
    described = json.loads((out / "dataset.json").read_text())
    assert (described["layout"], described["levels"]) == ("WANDS", [1, 5])


def test_pins_alone_are_enough_when_judgments_are_not_required(
    dataset: Path, tmp_path: Path
) -> None:
    (dataset / "judgments.parquet").unlink()
    out = prepare(dataset, tmp_path, judgments_required=False)
    assert read_table(out, "judgments").is_empty()
    assert read_table(out, "impressions").is_empty()
    assert len(read_table(out, "query_log")) > 0  # engaged queries or titles stand in
    assert json.loads((out / "dataset.json").read_text())["log"] == "pins"
    with pytest.raises(DatasetError, match="holds no judgments"):
        run(DataConfig(path=dataset), {}, out)


def test_the_synthetic_catalogue_goes_the_same_way(tmp_path: Path) -> None:
    sizes = SyntheticConfig(
        pins=300, queries=40, judged_queries=12, judgments_per_query=5,
        impressions_per_judgment=5, log_requests=200,
    )  # fmt: skip
    info = run(DataConfig(synthetic=sizes), {}, tmp_path)
    assert (info["pins"], info["judgments"], info["impressions"]) == (300, 60, 300)
    assert read_table(tmp_path, "pins")["engaged_queries"].list.len().sum() > 0
    assert not (tmp_path / ".synthetic").exists()
