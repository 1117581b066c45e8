from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling

from pintower.config import StudentConfig
from pintower.models.adoption import adopt
from pintower.models.adoption.cuts import measure_cuts
from pintower.models.student import load_student
from tests.models.adoption.tiny_encoders import write_encoder
from tests.training.conftest import write_data

POINT = "a garden bench, " * 20 + "red shoes"


@pytest.fixture
def encoder(backbone: Path, tmp_path: Path) -> Path:
    return write_encoder(tmp_path / "encoder", backbone, Pooling(32))


def make(encoder: Path, pins: pl.DataFrame, folder: Path, **settings: int) -> dict[str, object]:
    folder.mkdir()
    data = write_data(folder.with_name(f"{folder.name}-data"), pins)
    config = StudentConfig(method="encoder", query_encoder=str(encoder), **settings)
    return adopt(config, data, folder)


def test_a_pin_whose_point_comes_late_has_the_encoders_own_embedding(
    encoder: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    make(encoder, tiny_pins, tmp_path / "student")
    pin = pl.DataFrame({"pin_id": ["late"], "title": [POINT]})
    given = load_student(tmp_path / "student").embed_pins(pin)
    own = SentenceTransformer(str(encoder), device="cpu")
    assert len(POINT) > 256
    wanted = own.encode_document([POINT], normalize_embeddings=True)
    np.testing.assert_allclose(given, wanted, atol=1e-5)


def test_what_lengths_cut_and_lose_is_measured(
    encoder: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    make(encoder, tiny_pins, tmp_path / "student", pin_max_tokens=12, query_max_tokens=6)
    student = load_student(tmp_path / "student")
    words = ["red", "red", "garden", "shoes"]
    titles = [" ".join((words * 10)[:count]) for count in (4, 10, 30)]
    pins = pl.DataFrame({"pin_id": ["a", "b", "c"], "title": titles})
    found = measure_cuts(student, pins, ["red shoes", "red shoes", titles[1]], seed=7)
    assert found["pins"] == {
        "texts": 3, "looked_at": 3, "cut": 1, "lost_of_cut": pytest.approx(20 / 32),
        "lost": pytest.approx(20 / 50), "longest": 32, "longest_read": 12,
        "unknown": {"share": 0, "languages": {}},
    }  # fmt: skip
    assert (found["queries"]["texts"], found["queries"]["cut"]) == (2, 1)
    assert found["queries"]["lost_of_cut"] == pytest.approx(6 / 12)


def test_characters_that_are_cut_count(
    encoder: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    made = make(encoder, tiny_pins, tmp_path / "student", source_max_chars=4)
    assert made["source_max_chars"] == 4
    cuts = made["cuts"]
    assert isinstance(cuts, dict)
    assert cuts["pins"]["cut"] == len(tiny_pins)
    assert 0 < cuts["pins"]["lost"] < 1
