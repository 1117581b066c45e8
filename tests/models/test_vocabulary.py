"""A token without a row in the embedding table is refused; a row without a token is fine."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import AddedToken, Tokenizer
from transformers import AutoModel, AutoTokenizer

from pintower.config import StudentConfig
from pintower.errors import StudentError
from pintower.models.adoption import adopt
from pintower.models.cross_encoder import build_cross_encoder
from pintower.models.encoders import build_encoder
from pintower.models.student import load_student
from pintower.models.vocabulary import largest_id
from tests.models.adoption.tiny_encoders import TOKENIZER, write_backbone, write_encoder


def with_token(folder: Path, token: str | AddedToken, *, special: bool = False) -> Path:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([token], special_tokens=special)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def unresized(tmp_path: Path) -> Path:
    return with_token(write_backbone(tmp_path / "backbone"), "zzzq")


def test_an_encoder_with_a_token_beyond_its_table_is_not_adopted(
    unresized: Path, tmp_path: Path
) -> None:
    rows = AutoModel.from_pretrained(unresized).get_input_embeddings().num_embeddings
    encoder = write_encoder(tmp_path / "encoder", unresized, Pooling(32))
    for folder in (unresized, encoder):
        config = StudentConfig(method="encoder", query_encoder=str(folder))
        said = rf"tokenizer has {rows + 1:,} entries, its embedding table {rows:,} rows, so 'zzzq'"
        with pytest.raises(StudentError, match=said):
            adopt(config, tmp_path, tmp_path / "student")


def test_a_backbone_with_a_token_beyond_its_table_is_no_teacher(unresized: Path) -> None:
    with pytest.raises(StudentError, match="'zzzq' has no embedding"):
        build_cross_encoder(str(unresized), layers=None, max_length=32, bf16=False)


@pytest.mark.parametrize("tower", ["query_encoder", "pin_encoder"])
def test_a_student_is_refused_whichever_tower_it_is(
    tiny_student: Path, tmp_path: Path, tower: str
) -> None:
    folder = shutil.copytree(tiny_student, tmp_path / "student")
    path = next((folder / tower).rglob("tokenizer.json"))
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.add_tokens(["zzzq"])
    tokenizer.save(str(path))
    with pytest.raises(StudentError, match=f"{tower}.*'zzzq' has no embedding"):
        load_student(folder)


def test_an_id_that_only_the_post_processor_gives_counts(tmp_path: Path) -> None:
    state = json.loads((TOKENIZER / "tokenizer.json").read_text())
    size = Tokenizer.from_file(str(TOKENIZER / "tokenizer.json")).get_vocab_size()
    state["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<end>", "type_id": 0}}],
        "pair": [],
        "special_tokens": {"<end>": {"id": "<end>", "ids": [size + 7], "tokens": ["<end>"]}},
    }
    assert largest_id(Tokenizer.from_str(json.dumps(state))) == size + 7


def test_a_special_token_beyond_the_table_that_no_text_becomes_is_left_alone(
    tmp_path: Path,
) -> None:
    """Gemma 3 has one, for images."""
    backbone = with_token(write_backbone(tmp_path / "backbone"), "<image>", special=True)
    tokenizer = Tokenizer.from_file(str(backbone / "tokenizer.json"))
    rows = AutoModel.from_pretrained(backbone).get_input_embeddings().num_embeddings
    assert tokenizer.get_vocab_size() == rows + 1
    assert largest_id(tokenizer) == rows - 1


def test_a_table_larger_than_the_tokenizer_is_fine(tmp_path: Path, tiny_student: Path) -> None:
    folder = shutil.copytree(tiny_student, tmp_path / "student")
    student = load_student(folder)
    before = student.embed_queries(["red shoes"])
    backbone = student.query_encoder[0].auto_model
    backbone.resize_token_embeddings(pad_to_multiple_of=64)
    student.query_encoder.save(str(folder / "query_encoder"), create_model_card=False)
    again = load_student(folder)
    assert again.query_encoder[0].auto_model.get_input_embeddings().num_embeddings % 64 == 0
    assert torch.allclose(torch.tensor(again.embed_queries(["red shoes"])), torch.tensor(before))


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta", "t5"])
def test_a_folder_without_its_tokenizers_files_is_refused(family: str, tmp_path: Path) -> None:
    """The library makes a tokenizer that knows no word; T5's has one piece, the blank."""
    backbone = write_backbone(tmp_path / "backbone", family)
    encoder = write_encoder(tmp_path / "encoder", backbone, Pooling(32))
    for folder in (backbone, encoder):
        for path in folder.rglob("tokenizer*.json"):
            path.unlink()
        config = StudentConfig(method="encoder", query_encoder=str(folder))
        with pytest.raises(StudentError, match="its tokenizer knows [01] words"):
            adopt(config, tmp_path, tmp_path / "student")
        assert not (tmp_path / "student").exists()


def test_a_tokenizer_that_knows_next_to_nothing_is_refused_whatever_is_made_of_it(
    tmp_path: Path,
) -> None:
    folder = write_backbone(tmp_path / "backbone")
    for path in folder.glob("tokenizer*.json"):
        path.unlink()
    said = "knows 0 words and pieces, its embedding table has 186 rows.*tokenizer.json; or"
    with pytest.raises(StudentError, match=said):
        build_cross_encoder(str(folder), layers=None, max_length=32, bf16=False)
    with pytest.raises(StudentError, match=said):
        build_encoder(str(folder), width=8, layers=None)
    with pytest.raises(StudentError, match=said):
        config = StudentConfig(method="encoder", query_encoder=str(folder))
        adopt(config, tmp_path, tmp_path / "student")
