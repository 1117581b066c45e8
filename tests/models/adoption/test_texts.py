import json
from pathlib import Path

import pytest
import torch
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import AddedToken, Tokenizer
from transformers import AutoModel, AutoTokenizer

from pintower.config import StudentConfig
from pintower.errors import StudentError
from pintower.models.adoption.encoder import adopt_encoder
from pintower.models.adoption.texts import folds_case, rendering_for
from pintower.text.rendering import render_pin, render_query
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


@pytest.mark.parametrize("family", ["bert", "roberta", "mpnet", "t5", "qwen3"])
def test_pins_may_have_what_the_encoders_files_state(family: str, tmp_path: Path) -> None:
    """RoBERTa's kind has two positions more than tokens; T5 states nothing."""
    path = write_backbone(tmp_path, family) / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    del settings["model_max_length"]
    path.write_text(json.dumps(settings))
    encoder = adopt_encoder(tmp_path, None)
    rendering = rendering_for(encoder, StudentConfig(method="encoder"), ("", "a house: "))
    wanted = {"roberta": 128, "mpnet": 128, "t5": 512}.get(family, 130)
    assert rendering.pin_max_tokens == wanted
    assert rendering.source_max_chars == 16 * wanted
    assert rendering.query_max_tokens == 128


def test_lengths_of_each_side_that_an_encoder_states_are_kept(
    backbone: Path, tmp_path: Path
) -> None:
    write_encoder(tmp_path, backbone, Pooling(32))
    path = tmp_path / "sentence_bert_config.json"
    sides = {"query_length": 20, "document_length": 60}
    path.write_text(json.dumps({**json.loads(path.read_text()), **sides}))
    rendering = rendering_for(
        adopt_encoder(tmp_path, None), StudentConfig(method="encoder"), ("", "")
    )
    assert (rendering.query_max_tokens, rendering.pin_max_tokens) == (20, 60)


def test_queries_that_the_encoder_fills_up_are_refused(backbone: Path, tmp_path: Path) -> None:
    write_encoder(tmp_path, backbone, Pooling(32))
    path = tmp_path / "sentence_bert_config.json"
    expansion = {"query_expansion": {"strategy": "fixed", "length": 20}}
    path.write_text(json.dumps({**json.loads(path.read_text()), **expansion}))
    with pytest.raises(StudentError, match="fills queries up with mask tokens"):
        rendering_for(adopt_encoder(tmp_path, None), StudentConfig(), ("", ""))


def test_more_tokens_than_the_encoder_takes_are_warned_of(
    backbone: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = StudentConfig(method="encoder", pin_max_tokens=300)
    rendering = rendering_for(adopt_encoder(backbone, None), config, ("", ""))
    assert rendering.pin_max_tokens == 128
    assert "pin_max_tokens is 300" in caplog.text
    assert "takes 128" in caplog.text


@pytest.mark.parametrize("token", ["iPhone", "iphone"])
@pytest.mark.parametrize("normalized", [False, True])
def test_added_tokens_are_told_from_other_writings_as_the_encoder_tells_them(
    token: str, normalized: bool, tmp_path: Path
) -> None:
    """One that is looked for before case is folded is no other writing's token."""
    folder = write_added(tmp_path, AddedToken(token, normalized=normalized))
    encoder = adopt_encoder(folder, None)
    own = encoder.query.tokenizer
    rendering = rendering_for(encoder, StudentConfig(), ("", ""))
    assert rendering.lowercase == normalized
    for text in ("red iPhone case", "red IPHONE case", "RED iphone case", "xiPhone"):
        rendered = render_query(text, rendering)
        assert own(rendered)["input_ids"] == own(text)["input_ids"]


@pytest.mark.parametrize(
    "settings", [{"lstrip": True}, {"rstrip": True}, {"single_word": True}, {"normalized": True}]
)
def test_added_tokens_of_every_kind_are_found_as_the_encoder_finds_them(
    settings: dict[str, bool], tmp_path: Path
) -> None:
    added = AddedToken("Blu-Ray", **{"normalized": False, **settings})
    encoder = adopt_encoder(write_added(tmp_path, added), None)
    own = encoder.query.tokenizer
    rendering = rendering_for(encoder, StudentConfig(), ("", ""))
    for text in ("a Blu-Ray box", "aBlu-Rays", "a BLU-RAY box", "Blu-Ray", "blu-ray"):
        rendered = render_query(text, rendering)
        assert own(rendered)["input_ids"] == own(text)["input_ids"]


@pytest.mark.parametrize("text", ["LEGO™ set", "½ cup", "ﬁne ① ｆull", "5 µm²"])
def test_forms_of_characters_reach_the_encoder_as_they_are(backbone: Path, text: str) -> None:
    rendering = rendering_for(adopt_encoder(backbone, None), StudentConfig(), ("", ""))
    assert render_query(text, rendering) == text.lower()
    assert render_pin({"title": text}, rendering) == text


@pytest.mark.parametrize(
    ("prefixes", "side"), [(("a garden " * 40, ""), "query"), (("", "a house " * 60), "pin")]
)
def test_a_prompt_that_fills_the_encoder_is_refused(
    prefixes: tuple[str, str], side: str, backbone: Path, tmp_path: Path
) -> None:
    encoder = adopt_encoder(write_encoder(tmp_path, backbone, Pooling(32), max_tokens=32), None)
    said = rf"no room for a {side}: of 32 tokens .* leaves 0 for its text; at least 4"
    with pytest.raises(StudentError, match=said):
        rendering_for(encoder, StudentConfig(), prefixes)


@pytest.mark.parametrize("tokens", [1, 2, 5])
def test_lengths_that_leave_no_text_are_refused(tokens: int, backbone: Path) -> None:
    encoder = adopt_encoder(backbone, None)
    for side in ("query", "pin"):
        config = StudentConfig(**{f"{side}_max_tokens": tokens})
        with pytest.raises(StudentError, match=f"no room for a {side}: of {tokens} tokens"):
            rendering_for(encoder, config, ("", ""))
    assert rendering_for(encoder, StudentConfig(query_max_tokens=6), ("", "")).query_max_tokens == 6


def test_a_special_token_in_a_prompt_is_named(backbone: Path) -> None:
    said = r"The query prefix '\[CLS\] a query: ' holds the special token \[CLS\]\."
    with pytest.raises(StudentError, match=said):
        rendering_for(adopt_encoder(backbone, None), StudentConfig(), ("[CLS] a query: ", ""))


def write_added(folder: Path, token: AddedToken) -> Path:
    """Write a backbone with a token added to its tokenizer and its embedding table."""
    write_backbone(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([token])
    tokenizer.save_pretrained(folder)
    model = AutoModel.from_pretrained(folder)
    torch.manual_seed(1)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(folder)
    return folder


def test_room_is_asked_for_where_there_is_no_prefix_to_shorten(backbone: Path) -> None:
    config = StudentConfig(query_max_tokens=1)
    with pytest.raises(StudentError) as refused:
        rendering_for(adopt_encoder(backbone, None), config, ("", ""))
    said = str(refused.value)
    assert "Give it 6 tokens or more" in said
    assert "--query-max-tokens" in said
    assert "prefix" not in said
    rendering_for(adopt_encoder(backbone, None), StudentConfig(query_max_tokens=6), ("", ""))
