from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.data.candidates import CandidateIndex
from pintower.metrics.classification import auroc
from pintower.models.baselines import Baselines, remembered, score_baselines, untuned_encoder
from pintower.models.pairs import Pairs, number_pairs
from pintower.text.match_features import fit_statistics
from pintower.text.rendering import Rendering

THINGS = ("red shoes", "blue sofa", "lemon cake", "garden bench", "beach house")
WIDTH = 8


def judged(pins: pl.DataFrame, *, yes_and_no: bool = True) -> pl.DataFrame:
    """Fifteen queries: a pin is relevant that shows the thing, whatever number is asked for."""
    rows = [
        {
            "query": f"{thing} {number}",
            "pin_id": pin_id,
            "level": 5 if thing in title and yes_and_no else 1,
        }
        for thing in THINGS
        for number in range(100, 103)
        for pin_id, title in pins.select("pin_id", "title").iter_rows()
    ]
    return pl.DataFrame(rows, schema_overrides={"level": pl.Int8})


def noise(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings that know nothing: of queries and of pins."""
    random = np.random.default_rng(len(pairs.query))
    return tuple(
        random.standard_normal((count, WIDTH)).astype(np.float32)
        for count in (len(pairs.queries), len(pairs.pins))
    )


def scored(pins: pl.DataFrame, training: pl.DataFrame, embed: object = noise) -> Baselines:
    pairs = judged(pins).filter(pl.col("query").str.starts_with("blue sofa"))
    statistics = fit_statistics(pins.iter_rows(named=True))
    return score_baselines(pairs, training, pins, embed, statistics, seed=7)  # type: ignore[arg-type]


def test_the_mixture_learns_from_the_signal_that_tells_levels_apart(
    tiny_pins: pl.DataFrame,
) -> None:
    training = judged(tiny_pins).filter(~pl.col("query").str.starts_with("blue sofa"))
    found = scored(tiny_pins, training)
    assert set(found.columns) == {
        "bm25", "cosine", "mixture", "mixture_level", "mixture_confidence"
    }  # fmt: skip
    assert found.absent == {}
    relevant = judged(tiny_pins).filter(pl.col("query").str.starts_with("blue sofa"))["level"] == 5
    areas = {
        name: auroc(relevant.to_numpy(), found.columns[name]) for name in ("cosine", "mixture")
    }
    assert areas["mixture"] == 1
    assert 0.2 < (areas["cosine"] or 0) < 0.8
    assert set(found.columns["mixture_level"][relevant.to_numpy()]) == {5}


def test_the_mixture_does_not_see_the_levels_of_the_pairs_it_scores(
    tiny_pins: pl.DataFrame,
) -> None:
    """Scores follow from the training judgments alone, however the others are called."""
    training = judged(tiny_pins).filter(~pl.col("query").str.starts_with("blue sofa"))
    upside_down = training.with_columns(level=6 - pl.col("level"))
    right, wrong = (
        scored(tiny_pins, given).columns["mixture"] for given in (training, upside_down)
    )
    assert np.corrcoef(right, wrong)[0, 1] < -0.9


@pytest.mark.parametrize("judgments", ["none", "nine queries", "one level"])
def test_too_few_judgments_give_no_mixture_and_a_reason(
    tiny_pins: pl.DataFrame, judgments: str
) -> None:
    training = {
        "none": judged(tiny_pins).head(0),
        "nine queries": judged(tiny_pins).head(9 * len(tiny_pins)),
        "one level": judged(tiny_pins, yes_and_no=False),
    }[judgments]
    found = scored(tiny_pins, training)
    assert set(found.columns) == {"bm25", "cosine"}
    assert found.absent["mixture"].endswith("nothing to fit it to")


def test_without_an_encoder_bm25_alone_is_left(tiny_pins: pl.DataFrame) -> None:
    found = scored(tiny_pins, judged(tiny_pins), None)
    assert set(found.columns) == {"bm25"}
    assert set(found.absent) == {"cosine", "mixture"}
    index = CandidateIndex.build(tiny_pins)
    expected = index.scores("blue sofa 100", tiny_pins["pin_id"].to_list())
    np.testing.assert_array_equal(found.columns["bm25"][: len(tiny_pins)], expected)


def test_the_cosine_is_that_of_the_encoder(tiny_pins: pl.DataFrame, tiny_backbone: Path) -> None:
    embed = untuned_encoder(str(tiny_backbone), Rendering(), "mean")
    found = scored(tiny_pins, judged(tiny_pins).head(0), embed)
    cosine = found.columns["cosine"]
    assert cosine.dtype == np.float32
    assert np.abs(cosine).max() <= 1 + 1e-6 and np.ptp(cosine) > 0


def test_embeddings_are_remembered_by_query_and_pin(tiny_pins: pl.DataFrame) -> None:
    """Asked for in another order, and for some of them only, they are those of the same texts."""
    calls = []

    def embed(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
        calls.append(pairs)
        return noise(pairs)

    known = number_pairs(["a", "b", "c"], ["pin-001", "pin-002", "pin-003"], tiny_pins)
    queries, pins = noise(known)
    asked = number_pairs(["c", "a"], ["pin-003", "pin-002"], tiny_pins)
    found = remembered(embed, known)(asked)
    np.testing.assert_array_equal(found[0], queries[[2, 0]])
    np.testing.assert_array_equal(found[1], pins[[1, 2]])  # in the order of the pins table
    assert len(calls) == 1
