"""Encoders whose tokenizer or positions sentence-transformers itself stumbles over."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

from pintower.config import StudentConfig
from pintower.models.adoption import adopt
from pintower.models.adoption.encoder import adopt_encoder
from pintower.models.first_module import longest_input
from pintower.models.student import Student, load_student
from tests.models.adoption.tiny_encoders import write_backbone, write_encoder
from tests.training.conftest import write_data

QUERIES = ["red shoes", "a", "lemon cake for a birthday in the garden"]
LONG = "a lemon cake in the garden " * 60


@pytest.fixture(scope="module")
def data(tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), tiny_pins)


def student(encoder: Path, data: Path, folder: Path, **settings: int) -> Student:
    folder.mkdir()
    adopt(StudentConfig(method="encoder", query_encoder=str(encoder), **settings), data, folder)
    return load_student(folder)


def tokenizer_settings(folder: Path, **changes: object) -> None:
    path = folder / "tokenizer_config.json"
    settings = {**json.loads(path.read_text()), **changes}
    path.write_text(
        json.dumps({name: value for name, value in settings.items() if value is not None})
    )


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta", "mpnet", "longformer"])
def test_positions_behind_the_padding_tokens_are_not_counted(family: str, tmp_path: Path) -> None:
    """Their files state 514 for 512, and sentence-transformers ends in an error at 513."""
    backbone = write_backbone(tmp_path, family)
    assert longest_input(adopt_encoder(backbone, None).query) == 128  # of 130 rows


def test_the_longest_text_of_roberta_is_embedded(data: Path, tmp_path: Path) -> None:
    encoder = write_encoder(
        tmp_path / "encoder", write_backbone(tmp_path / "backbone", "roberta"), Pooling(32)
    )
    made = student(encoder, data, tmp_path / "student", query_max_tokens=400)
    assert made.rendering.query_max_tokens == 128
    own = SentenceTransformer(str(encoder), device="cpu")
    own.max_seq_length = 128
    wanted = own.encode([LONG.strip()], normalize_embeddings=True)
    np.testing.assert_allclose(made.embed_queries([LONG]), wanted, atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize("pooling", ["lasttoken", "mean"])
def test_a_tokenizer_without_a_token_to_pad_with_is_given_one(
    family: str, pooling: str, data: Path, tmp_path: Path
) -> None:
    backbone = write_backbone(tmp_path / "backbone", family)
    encoder = write_encoder(tmp_path / "encoder", backbone, Pooling(32, pooling), Normalize())
    own = SentenceTransformer(str(encoder), device="cpu")
    for folder in (backbone, encoder):
        tokenizer_settings(folder, pad_token=None, eos_token="[SEP]")
        (folder / "special_tokens_map.json").unlink(missing_ok=True)
    assert SentenceTransformer(str(encoder), device="cpu").tokenizer.pad_token is None
    made = student(encoder, data, tmp_path / "student")
    wanted = own.encode(QUERIES, normalize_embeddings=True)
    np.testing.assert_allclose(made.embed_queries(QUERIES), wanted, atol=1e-5)


@pytest.mark.parametrize("family", ["qwen3", "llama", "bert"])
def test_the_side_on_which_the_library_pads_does_not_matter(
    family: str, data: Path, tmp_path: Path
) -> None:
    backbone = write_backbone(tmp_path / "backbone", family)
    encoder = write_encoder(tmp_path / "encoder", backbone, Pooling(32, "lasttoken"), Normalize())
    wanted = SentenceTransformer(str(encoder), device="cpu").encode_query(QUERIES)
    tokenizer_settings(encoder, padding_side="left")
    made = student(encoder, data, tmp_path / "student")
    np.testing.assert_allclose(made.embed_queries(QUERIES), wanted, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")  # ModernBERT's
@pytest.mark.parametrize("family", ["modernbert", "distilbert"])
def test_token_types_are_left_out_where_the_model_takes_none(
    family: str, data: Path, tmp_path: Path
) -> None:
    backbone = write_backbone(tmp_path / "backbone", family)
    encoder = write_encoder(tmp_path / "encoder", backbone, Pooling(32, "mean"), Normalize())
    wanted = SentenceTransformer(str(encoder), device="cpu").encode_query(QUERIES)
    names = ["input_ids", "token_type_ids", "attention_mask"]
    tokenizer_settings(encoder, model_input_names=names)
    made = student(encoder, data, tmp_path / "student")
    np.testing.assert_allclose(made.embed_queries(QUERIES), wanted, atol=1e-5)


def test_embedding_gemmas_shape_is_its_librarys(data: Path, tmp_path: Path) -> None:
    """Attention in both directions, two dense layers, and prompts of some length."""
    from sentence_transformers.base.modules import Dense
    from torch import nn

    backbone = write_backbone(tmp_path / "backbone", "gemma3_text")
    layers = [Dense(32, 64, False, nn.Identity()), Dense(64, 32, False, nn.Identity())]
    prompts = {"query": "task: search result | query: ", "document": "title: none | text: "}
    encoder = write_encoder(
        tmp_path / "encoder", backbone, Pooling(32), *layers, Normalize(), prompts=prompts
    )
    made = student(encoder, data, tmp_path / "student")
    own = SentenceTransformer(str(encoder), device="cpu")
    np.testing.assert_allclose(made.embed_queries(QUERIES), own.encode_query(QUERIES), atol=1e-5)
    pins = pl.DataFrame({"title": QUERIES})
    np.testing.assert_allclose(made.embed_pins(pins), own.encode_document(QUERIES), atol=1e-5)
