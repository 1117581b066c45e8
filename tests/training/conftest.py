"""A data folder as the data stage leaves it: forty pins, and levels that follow from the words."""

from pathlib import Path

import polars as pl
import pytest

from pintower.artifacts import write_json
from pintower.config import LabelsConfig, StudentConfig, TeacherConfig
from pintower.data.calibration import write_calibration
from pintower.data.tables import SCHEMAS, empty
from pintower.text.match_features import fit_statistics

THINGS = ("red shoes", "blue sofa", "lemon cake", "garden bench", "beach house")
SPLITS = {"blue sofa": "validation", "lemon cake": "test"}


def level_of(query: str, title: str) -> int:
    """5 where the pin shows what was asked for, else 1."""
    return 5 if query in title else 1


def judge(pins: pl.DataFrame, queries: tuple[str, ...] = THINGS) -> pl.DataFrame:
    rows = [
        {
            "query": query,
            "pin_id": pin_id,
            "level": level_of(query, title),
            "language": "en",
            "country": None,
            "split": SPLITS.get(query, "train"),
        }
        for query in queries
        for pin_id, title in pins.select("pin_id", "title").iter_rows()
    ]
    return pl.DataFrame(rows, schema=SCHEMAS["judgments"])


ASKED = (
    *THINGS,
    *(word for thing in THINGS for word in thing.split()),
    *(f"{thing} ideas" for thing in THINGS),
    *(f"best {thing}" for thing in THINGS),
)
"""Twenty-five queries, enough to tell whether training pays."""


def judge_many(pins: pl.DataFrame) -> pl.DataFrame:
    """Judge pins for twenty-five queries: 5 for all words, 3 for some, 1 for none."""
    rows = []
    for number, query in enumerate(ASKED):
        for pin_id, title in pins.select("pin_id", "title").iter_rows():
            words = [word for word in query.split() if word not in ("ideas", "best")]
            found = sum(word in (title or "") for word in words)
            level = 5 if found == len(words) else 3 if found else 1
            split = "test" if number % 5 == 4 else "train"
            told = {"language": "en", "country": None, "split": split}
            rows.append({"query": query, "pin_id": pin_id, "level": level, **told})
    return pl.DataFrame(rows, schema=SCHEMAS["judgments"])


def judge_neighbours(pins: pl.DataFrame) -> pl.DataFrame:
    """Judge pins of the thing after the one that is asked for 5: no word says so."""
    judged = judge_many(pins)
    titles = dict(pins.select("pin_id", "title").iter_rows())

    def level(row: dict[str, str]) -> int:
        asked = next(n for n, t in enumerate(THINGS) if set(t.split()) & set(row["query"].split()))
        shown = next(n for n, thing in enumerate(THINGS) if thing in titles[row["pin_id"]])
        return {0: 2, 1: 5}.get((shown - asked) % len(THINGS), 1)

    levels = [level(row) for row in judged.select("query", "pin_id").iter_rows(named=True)]
    return judged.with_columns(pl.Series("level", levels, dtype=judged.schema["level"]))


def write_data(folder: Path, pins: pl.DataFrame, **tables: pl.DataFrame) -> Path:
    """Write a data folder; a table that is not given is empty."""
    folder.mkdir(parents=True, exist_ok=True)
    pins.write_parquet(folder / "pins.parquet")
    for name, schema in SCHEMAS.items():
        if name != "pins":
            tables.get(name, pl.DataFrame(schema=schema)).write_parquet(folder / f"{name}.parquet")
    known = [tables.get(name, empty(name)) for name in ("judgments", "query_log", "queries")]
    write_calibration(folder, pins, *known)
    fit_statistics(pins.iter_rows(named=True)).save(folder / "match_stats")
    columns = [{"name": "graph_vector", "width": 4}]
    write_json(folder / "dataset.json", {"name": "tiny", "feature_columns": columns})
    return folder


@pytest.fixture(scope="session")
def data(tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred judgments in three splits, impressions of every query, a log."""
    judgments = judge(tiny_pins)
    impressions = judgments.select(
        pl.col("query").str.to_titlecase(),  # logged as typed, not in normal form
        "pin_id",
        pl.lit(0, dtype=pl.Int64).alias("timestamp"),
        pl.lit("none").alias("engagement"),
    )
    log = pl.DataFrame({"query": ["Red Shoes"] * 6 + list(THINGS)}).with_columns(
        pl.lit(None, dtype=pl.Int64).alias("timestamp")
    )
    return write_data(
        tmp_path_factory.mktemp("data"),
        tiny_pins,
        judgments=judgments,
        impressions=impressions,
        query_log=log,
    )


@pytest.fixture(scope="session")
def judged_data(tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thousand judgments of twenty-five queries."""
    folder = tmp_path_factory.mktemp("judged")
    return write_data(folder, tiny_pins, judgments=judge_many(tiny_pins))


@pytest.fixture(scope="session")
def neighbour_data(tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many, of levels that neither words nor a random encoder tell, and training can learn."""
    folder = tmp_path_factory.mktemp("neighbours")
    return write_data(folder, tiny_pins, judgments=judge_neighbours(tiny_pins))


@pytest.fixture
def teacher_config(tiny_backbone: Path) -> TeacherConfig:
    return TeacherConfig(
        encoder=str(tiny_backbone),
        similarity_encoder=str(tiny_backbone),
        epochs=6,
        patience=100,
        batch_size=8,
        learning_rate=3e-3,
        head_learning_rate=3e-2,
        max_length=32,
    )


@pytest.fixture
def labels_config() -> LabelsConfig:
    return LabelsConfig(pairs=100, shard_size=30, batch_size=16, force=True)


@pytest.fixture
def student_config(tiny_backbone: Path) -> StudentConfig:
    backbone = str(tiny_backbone)
    return StudentConfig(
        query_encoder=backbone,
        pin_encoder=backbone,
        pin_layers=1,
        width=16,
        hidden=(16,),
        query_max_tokens=16,
        pin_max_tokens=24,
        depths=("projections",),
        epochs=4,
        batch_size=16,
        head_learning_rate=1e-2,
    )


@pytest.fixture(scope="session")
def teacher(data: Path, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher folder, barely trained."""
    from pintower import teacher as stage

    folder = tmp_path_factory.mktemp("teacher")
    encoder = str(tiny_backbone)
    config = TeacherConfig(encoder=encoder, similarity_encoder=encoder, epochs=1, max_length=32)
    stage.run(config, {"data": data}, folder)
    return folder


@pytest.fixture(scope="session")
def labels(data: Path, teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labels folder."""
    from pintower import labels as stage

    folder = tmp_path_factory.mktemp("labels")
    config = LabelsConfig(pairs=100, shard_size=30, force=True)
    stage.run(config, {"data": data, "teacher": teacher}, folder)
    return folder
