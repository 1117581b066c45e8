"""A table of token embeddings stands where a transformer does, and says so where it can't."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sentence_transformers import SentenceTransformer

from pintower.config import StudentConfig
from pintower.errors import StudentError
from pintower.models.adoption import adopt
from pintower.models.cutting import cut_student
from pintower.models.encoders import build_encoder, load_encoder
from pintower.models.first_module import mean_of_rows, own_tokenizer
from pintower.models.tokenization import load_tokenizer, token_batch
from tests.models.adoption.tiny_encoders import write_static
from tests.training.conftest import write_data

TEXTS = ["red shoes", "", "a", "lemon cake for a birthday in the garden", "[SEP] blue"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_static(tmp_path_factory.mktemp("table"))


def test_padded_rows_have_the_means_that_the_module_computes(table: Path) -> None:
    """Special tokens around a text have no part in them, and an empty text has zeros."""
    encoder = load_encoder(table)
    ids, mask = token_batch(load_tokenizer(table, 64), TEXTS[:-1])
    features = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    given = mean_of_rows(encoder[0], features).detach().numpy()
    own = SentenceTransformer(str(table), device="cpu").encode(TEXTS[:-1])
    np.testing.assert_allclose(given, own, atol=1e-6)
    assert not given[1].any()


def test_the_tokenizer_adds_and_reads_no_special_tokens(table: Path) -> None:
    tokenizer = own_tokenizer(load_encoder(table))
    assert tokenizer.encode("").ids == []
    special = {tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]")}
    assert not special & set(tokenizer.encode(TEXTS[-1]).ids)


def test_a_table_has_no_layers_to_cut(table: Path, tiny_pins: pl.DataFrame, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", tiny_pins)
    for name in ("student", "cut"):
        (tmp_path / name).mkdir()
    config = StudentConfig(method="encoder", query_encoder=str(table))
    adopt(config, data, tmp_path / "student")
    with pytest.raises(StudentError, match=r"\(StaticEmbedding\): it has no layers"):
        cut_student(
            tmp_path / "student", data, tmp_path / "cut",
            layers=1, vocabulary=False, steps=1, seed=0, bf16=False,
        )  # fmt: skip


def test_a_table_is_no_backbone_to_train(table: Path) -> None:
    with pytest.raises(StudentError, match="not an encoder: it has no config.json"):
        build_encoder(str(table), width=8, layers=None)
