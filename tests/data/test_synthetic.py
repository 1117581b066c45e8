"""The synthetic catalogue is a proper dataset folder, believable, seeded, and free of leaks."""

import unicodedata
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.config import DataConfig, SyntheticConfig
from pintower.data.reader import Dataset, fingerprint, read_dataset
from pintower.data.splits import held_out_queries, normal_forms
from pintower.data.synthetic import generate
from pintower.data.synthetic.attributes import Attributes, draw_attributes
from pintower.data.synthetic.relevance import Relevance
from pintower.data.synthetic.vocabulary import FACETS, LANGUAGES, load_themes

SIZES = SyntheticConfig(
    pins=1500, queries=200, judged_queries=60, judgments_per_query=12,
    impressions_per_judgment=10, log_requests=2000,
)  # fmt: skip


def make(folder: Path, seed: int = 7, sizes: SyntheticConfig = SIZES) -> Path:
    folder.mkdir()
    generate(DataConfig(seed=seed, synthetic=sizes), folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("synthetic") / "set")


@pytest.fixture(scope="module")
def data(folder: Path) -> Dataset:
    return read_dataset(folder)


def test_same_seed_same_bytes_other_seed_other_bytes(folder: Path, tmp_path: Path) -> None:
    assert fingerprint(make(tmp_path / "again")) == fingerprint(folder)
    assert fingerprint(make(tmp_path / "other", seed=8)) != fingerprint(folder)


def test_sizes_are_the_ones_asked_for(data: Dataset) -> None:
    assert len(data.pins) == 1500
    assert data.judgments["query"].n_unique() == 60
    assert len(data.judgments) == 60 * 12
    assert len(data.impressions) == 60 * 12 * 10
    assert len(data.query_log) == 2000


def test_every_level_has_a_believable_share(data: Dataset) -> None:
    shares = data.judgments["level"].value_counts(normalize=True)
    assert shares["level"].sort().to_list() == [1, 2, 3, 4, 5]
    assert shares["proportion"].min() > 0.08
    assert shares["proportion"].max() < 0.4


def test_no_held_out_query_is_among_engaged_queries(data: Dataset) -> None:
    engaged = set(data.pins["engaged_queries"].explode().drop_nulls())
    held_out = held_out_queries(data.judgments)
    assert engaged
    assert held_out
    assert held_out & set(normal_forms(data.impressions["query"].unique()).values())
    assert not engaged & held_out


def test_pins_have_holes_and_are_mostly_distinct(data: Dataset) -> None:
    pins = data.pins
    assert 0.05 < (pins["title"] == "").mean() < 0.2
    assert 0.25 < (pins["description"] == "").mean() < 0.45
    assert (pins["caption"] != "").all()
    assert 0 < pins["graph_vector"].is_null().mean() < 0.15
    assert pins.select("title", "description", "caption").n_unique() > 0.95 * len(pins)
    assert set(pins["language"]) == set(LANGUAGES)


@pytest.mark.parametrize(("language", "script"), [("ja", "ぁ-ヿ一-鿿"), ("hi", "ऀ-ॿ")])
def test_other_scripts_are_written_as_people_write_them(
    data: Dataset, language: str, script: str
) -> None:
    pins = data.pins.filter(language=language)
    assert 0.01 < len(pins) / len(data.pins) < 0.06
    written = pins.filter(pl.col("title").str.contains(f"[{script}]"))
    assert len(written) > 0.7 * len(pins)
    spaced = written["title"].str.contains(f"[{script}] [{script}]").mean()
    assert spaced > 0.6 if language == "hi" else spaced < 0.1
    assert data.query_log["query"].str.contains(f"[{script}]").any()
    tags = " ".join(pins["description"]).split("#")[1:]
    marked = [tag for tag in tags if any(unicodedata.category(char)[0] == "M" for char in tag)]
    assert bool(marked) == (language == "hi")


def test_the_log_repeats_queries_and_has_a_tail_of_singles(data: Dataset) -> None:
    forms = data.query_log["query"].replace_strict(normal_forms(data.query_log["query"].unique()))
    counts = forms.value_counts()["count"]
    assert counts.max() > 100
    assert (counts == 1).sum() >= 200
    assert data.query_log["query"].n_unique() > forms.n_unique()
    assert data.query_log["timestamp"].is_sorted()
    words = forms.str.split(" ").list.len()
    assert (words.min(), words.max()) == (1, 5)


def test_clicks_follow_the_level(data: Dataset) -> None:
    pairs = data.impressions.join(data.judgments, on=["query", "pin_id"])
    clicked = pairs.group_by(good=pl.col("level") >= 4).agg((pl.col("engagement") != "none").mean())
    rate = dict(clicked.iter_rows())
    assert rate[True] > 2 * rate[False]


def test_pins_on_the_same_boards_have_similar_graph_vectors(data: Dataset) -> None:
    pins = data.pins.filter(pl.col("graph_vector").is_not_null())
    vectors = np.array(pins["graph_vector"].to_list())
    boards = [set(titles) for titles in pins["board_titles"]]
    rng = np.random.default_rng(0)
    pairs = rng.integers(len(pins), size=(20_000, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    shared = np.array([bool(boards[a] & boards[b]) for a, b in pairs])
    cosine = (vectors[pairs[:, 0]] * vectors[pairs[:, 1]]).sum(axis=1)
    assert cosine[shared].mean() > cosine[~shared].mean() + 0.2


def test_levels_follow_the_documented_rule() -> None:
    themes = load_themes()
    values = {  # home: sofa 0 and loveseat 1 are related, rug 19 is not; velvet 6, leather 7
        "same": [0, 0, 0, 6, -1], "other color": [0, 0, 9, 6, -1], "loveseat": [1, 0, 9, 6, -1],
        "rug": [19, 0, 9, 5, -1], "velvet rug": [19, 0, 9, 6, -1],
    }  # fmt: skip
    pins = Attributes(np.zeros(5, int), np.array(list(values.values())), np.zeros(5, int))
    query = Attributes(np.zeros(1, int), np.array([[0, -1, 0, 6, -1]]), np.zeros(1, int))
    relevance = Relevance(pins, query, themes)
    levels = relevance.levels(0, relevance.overlaps(0))
    assert dict(zip(values, levels.tolist(), strict=True)) == {
        "same": 5, "other color": 4, "loveseat": 3, "rug": 1, "velvet rug": 2,
    }  # fmt: skip


def test_a_foreign_language_pin_is_never_level_5() -> None:
    pins = Attributes(np.zeros(2, int), np.array([[0, -1, -1, -1, -1]] * 2), np.array([2, 0]))
    query = Attributes(np.zeros(1, int), pins.values[:1], np.array([1]))
    relevance = Relevance(pins, query, load_themes())
    assert relevance.levels(0, relevance.overlaps(0)).tolist() == [4, 5]


def test_no_pin_has_incompatible_values() -> None:
    themes = load_themes()
    pins = draw_attributes(5000, themes, np.random.default_rng(1))
    assert pins.values.shape == (5000, FACETS)
    for index, theme in enumerate(themes):
        rows = pins.values[pins.theme == index]
        for (one, these), (other, those) in theme.incompatible:
            both = np.isin(rows[:, one], list(these)) & np.isin(rows[:, other], list(those))
            assert not both.any()


def test_the_smallest_catalogue_works(tmp_path: Path) -> None:
    sizes = SyntheticConfig(
        pins=50, queries=10, judged_queries=5, judgments_per_query=4,
        impressions_per_judgment=50, log_requests=30,
    )  # fmt: skip
    data = read_dataset(make(tmp_path / "tiny", sizes=sizes))
    assert len(data.impressions) == 5 * 4 * 50
    assert set(data.judgments["split"]) == {"train", "validation", "test"}
