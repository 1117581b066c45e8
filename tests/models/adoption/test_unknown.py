import itertools
import json
from pathlib import Path

import polars as pl
import pytest
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer
from tokenizers.models import BPE, Unigram, WordLevel
from tokenizers.pre_tokenizers import ByteLevel, Whitespace
from tokenizers.processors import TemplateProcessing

from pintower.config import StudentConfig
from pintower.models.adoption import adopt
from pintower.models.adoption.unknown import unknown_tokens, warn_of_unknown
from pintower.models.tokenization import TokenRows
from tests.models.adoption.tiny_encoders import write_encoder
from tests.training.conftest import write_data

TEXTS = ["red red red red", "red zzz red zzz", ""]


def word_level() -> Tokenizer:
    return Tokenizer(WordLevel({"[UNK]": 0, "red": 1, "q": 2}, unk_token="[UNK]"))


def unigram() -> Tokenizer:
    return Tokenizer(Unigram([("<pad>", 0.0), ("<unk>", 0.0), ("red", -1.0)], unk_id=1))


def measure(tokenizer: Tokenizer, texts: list[str], prefix: str = "") -> float:
    rows = TokenRows.of(tokenizer, [prefix + text for text in texts])
    return float(unknown_tokens(tokenizer, rows, prefix)["share"])


@pytest.mark.parametrize("make", [word_level, unigram])
def test_the_share_of_unknown_tokens_is_counted_without_what_is_around(make: object) -> None:
    tokenizer = make()  # type: ignore[operator]
    tokenizer.pre_tokenizer = Whitespace()
    assert measure(tokenizer, TEXTS) == pytest.approx(2 / 8)
    assert measure(tokenizer, TEXTS, "zzz ") == pytest.approx(2 / 8)
    tokenizer.post_processor = TemplateProcessing(
        single="red $A red", special_tokens=[("red", tokenizer.token_to_id("red"))]
    )
    assert measure(tokenizer, TEXTS) == pytest.approx(2 / 8)


def test_a_tokenizer_of_bytes_knows_every_text() -> None:
    alphabet = sorted(ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE({letter: number for number, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    assert measure(tokenizer, ["红色的鞋子"]) == 0
    assert measure(tokenizer, []) == 0


def test_texts_of_a_language_that_the_encoder_lacks_are_warned_of(
    backbone: Path, tiny_pins: pl.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = write_encoder(tmp_path / "encoder", backbone, Pooling(32))
    chinese = [f"红色的鞋子{number}" for number in range(len(tiny_pins))]
    words = itertools.product(("red", "garden", "shoes"), repeat=4)
    known = [" ".join(chosen) for chosen in itertools.islice(words, len(tiny_pins))]
    pins = pl.concat(
        [
            tiny_pins.with_columns(title=pl.Series(known), language=pl.lit("en")),
            tiny_pins.with_columns(
                pin_id=pl.concat_str(pl.lit("zh-"), "pin_id"),
                title=pl.Series(chinese),
                description=pl.lit(None, pl.String()),
                language=pl.lit("zh"),
            ),
        ],
        how="vertical_relaxed",
    )
    folder = tmp_path / "student"
    folder.mkdir()
    config = StudentConfig(method="encoder", query_encoder=str(encoder), pin_sources=("title",))
    adopt(config, write_data(tmp_path / "data", pins), folder)
    found = json.loads((folder / "training.json").read_text())["cuts"]["pins"]["unknown"]
    assert found["languages"]["en"] == 0
    assert found["languages"]["zh"] > 0.5
    assert 0 < found["share"] < found["languages"]["zh"]
    warned = [message for message in caplog.messages if "unknown to this tokenizer" in message]
    assert len(warned) == 1
    assert "tokens of the dataset's pins in zh are unknown" in warned[0]
    assert "take a multilingual encoder" in warned[0]


def test_what_states_no_language_is_warned_of_as_a_whole(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_unknown({
        "pins": {"share": 0.01, "languages": {}}, "queries": {"share": 0.78, "languages": {}},
    })  # fmt: skip
    (said,) = caplog.messages
    assert said.startswith("78 % of the tokens of the dataset's queries are unknown")
