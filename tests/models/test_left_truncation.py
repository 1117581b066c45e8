"""An encoder that cuts texts at their beginning is served as it is."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import AutoTokenizer

from pintower.config import StudentConfig
from pintower.models.adoption import adopt
from pintower.models.layout import space_id
from pintower.models.student import load_student
from pintower.models.tokenization import load_tokenizer, open_tokenizer
from tests.models.adoption.tiny_encoders import write_backbone, write_encoder
from tests.training.conftest import write_data

LONG = "red shoes and a lemon cake in the garden by the beach house, " * 8


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    backbone = write_backbone(tmp_path / "backbone")
    AutoTokenizer.from_pretrained(backbone, truncation_side="left").save_pretrained(backbone)
    return write_encoder(tmp_path / "encoder", backbone, Pooling(32), max_tokens=24)


def test_the_end_of_a_long_text_is_what_is_embedded(
    encoder: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    folder = tmp_path / "student"
    folder.mkdir()
    data = write_data(tmp_path / "data", tiny_pins)
    adopt(StudentConfig(method="encoder", query_encoder=str(encoder)), data, folder)
    own = SentenceTransformer(str(encoder), device="cpu")
    given = load_student(folder).embed_queries([LONG])
    np.testing.assert_allclose(
        given, own.encode_query([LONG.strip()], normalize_embeddings=True), atol=1e-5
    )


def test_the_served_tokenizer_keeps_the_side(encoder: Path, tmp_path: Path) -> None:
    tower = load_tokenizer(encoder, 24)
    tower.save(str(tmp_path / "tokenizer.json"))
    served = open_tokenizer(tmp_path / "tokenizer.json", 24)
    assert served.encode(LONG).ids == tower.encode(LONG).ids
    served.enable_truncation(24)
    assert served.encode(LONG).ids != tower.encode(LONG).ids


def test_the_side_is_part_of_the_space(
    encoder: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    folder = tmp_path / "student"
    folder.mkdir()
    data = write_data(tmp_path / "data", tiny_pins)
    adopt(StudentConfig(method="encoder", query_encoder=str(encoder)), data, folder)
    before = space_id(folder)
    path = folder / "query_encoder" / "tokenizer_config.json"
    path.write_text(
        path.read_text().replace('"truncation_side": "left"', '"truncation_side": "right"')
    )
    assert space_id(folder) != before
