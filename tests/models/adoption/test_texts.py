from pathlib import Path

import pytest
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer

from pintower.config import StudentConfig
from pintower.models.adoption.encoder import adopt_encoder
from pintower.models.adoption.texts import folds_case, rendering_for
from tests.models.adoption.tiny_encoders import TOKENIZER, write_backbone, write_encoder


def test_case_of_queries_is_kept_where_the_tokenizer_tells_it_apart(tmp_path: Path) -> None:
    """Folded queries would be other tokens than those the encoder was trained on."""
    rendered = {}
    for cased in (False, True):
        folder = write_backbone(tmp_path / str(cased), cased=cased)
        rendered[cased] = rendering_for(adopt_encoder(folder, None), StudentConfig(), ("", ""))
    assert rendered[False].lowercase
    assert not rendered[True].lowercase


@pytest.mark.parametrize(("word", "folds"), [("Q7X", False), ("q7x", True)])
def test_capitals_of_its_own_vocabulary_are_tried(word: str, folds: bool) -> None:
    """A tokenizer may know capitals of a script that no fixed example has."""
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, word: 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_special_tokens(["[UNK]"])
    assert folds_case(tokenizer) == folds


def test_prefix_takes_no_room_from_the_query(backbone: Path) -> None:
    encoder = adopt_encoder(backbone, None)
    prefix = "a garden bench: "
    config = StudentConfig(query_max_tokens=10, pin_max_tokens=40)
    rendering = rendering_for(encoder, config, (prefix, ""))
    tokenizer = Tokenizer.from_file(str(TOKENIZER / "tokenizer.json"))
    tokens = len(tokenizer.encode(prefix, add_special_tokens=False))
    assert tokens > 3
    assert rendering.query_max_tokens == 10 + tokens
    assert rendering.pin_max_tokens == 40


def test_lengths_stop_where_the_encoder_stops(backbone: Path, tmp_path: Path) -> None:
    write_encoder(tmp_path, backbone, Pooling(32), max_tokens=24)
    encoder = adopt_encoder(tmp_path, None)
    config = StudentConfig(query_max_tokens=20, pin_max_tokens=128)
    rendering = rendering_for(encoder, config, ("a lemon cake " * 5, ""))
    assert (rendering.query_max_tokens, rendering.pin_max_tokens) == (24, 24)
