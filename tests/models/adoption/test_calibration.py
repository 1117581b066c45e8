import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray

from pintower.errors import DatasetError
from pintower.models.adoption.calibration import calibrate, draw_pins, own_query
from pintower.models.scoring_head import expected_level
from pintower.text.rendering import Rendering
from tests.models.adoption.judged import WIDTH, unit

RENDERING = Rendering(pin_prefix="passage: ")


@pytest.mark.parametrize("shared", [0.0, 3.0])
def test_levels_lie_between_unrelated_and_fitting_pairs(shared: float) -> None:
    """What a cosine means is each encoder's own: with 3, unrelated texts are at 0.9."""
    random = np.random.default_rng(0)
    pins = random.standard_normal((200, WIDTH))
    pins[:, 0] += shared * WIDTH**0.5
    queries = unit(pins + 0.3 * random.standard_normal(pins.shape))
    head = calibrate(queries, unit(pins))

    def mean_level(found: NDArray[np.float64]) -> float:
        matches = torch.zeros(200, len(head.match_features))
        with torch.inference_mode():
            logits = head(torch.from_numpy(queries), torch.from_numpy(unit(found)), matches)
        return float(expected_level(torch.softmax(logits, dim=1)).mean())

    assert mean_level(pins) > 4.2
    assert mean_level(np.roll(pins, 5, axis=0)) < 1.8


def test_own_query_is_the_best_engaged_one_or_the_first_words() -> None:
    pin = {"title": "Oak  dining table for six", "engaged_queries": ["oak table", "table"]}
    assert own_query(pin, RENDERING) == "oak table"
    assert own_query({**pin, "engaged_queries": []}, RENDERING) == "Oak dining table"
    assert own_query({"title": "", "description": "A lamp"}, RENDERING) == "A lamp"
    assert own_query({"title": "红色运动鞋女士夏季新款"}, RENDERING) == "红色运动鞋女"
    assert own_query({"title": "लाल चमड़े के जूते"}, RENDERING) == "लाल चमड़े के"


def test_pins_without_text_are_not_drawn() -> None:
    pins = pl.DataFrame({"pin_id": ["a", "b", "c", "d"], "title": ["x", "", "  ", "y"]})
    assert sorted(draw_pins(pins, RENDERING, seed=0)["pin_id"]) == ["a", "d"]


def test_a_catalogue_of_one_text_is_refused() -> None:
    pins = pl.DataFrame({"pin_id": ["a", "b"], "title": ["x", ""]})
    with pytest.raises(DatasetError, match="1 of 2 pins have text in title, description"):
        draw_pins(pins, RENDERING, seed=0)
