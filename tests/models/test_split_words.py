"""A vocabulary breaks another language's words, though it knows every letter of them."""

from string import ascii_lowercase

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import BertPreTokenizer

from pintower.models.split_words import count_split_words, foreign_texts

ENGLISH = "running shoes for women with laces".split()
GERMAN = "laufschuhe damen schnürsenkel winter gefütterte"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    pieces = [*ascii_lowercase, "ü", *(f"##{letter}" for letter in (*ascii_lowercase, "ü"))]
    vocabulary = {piece: number for number, piece in enumerate(["[UNK]", *pieces, *ENGLISH])}
    made = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = Lowercase(), BertPreTokenizer()
    return made


def test_pieces_and_unknown_words_are_broken_and_short_words_and_numbers_do_not_count(
    tokenizer: Tokenizer,
) -> None:
    texts = ["Running shoes for a 9", "laufschuhe 4012345678", "鞋子", "हिन्दी shoes", ""]
    counts = count_split_words(tokenizer, texts).tolist()
    assert counts == [[2, 0], [1, 1], [1, 1], [2, 1], [0, 0]]


def test_a_text_is_told_by_most_of_its_words(tokenizer: Tokenizer) -> None:
    texts = ["running shoes women acme", GERMAN, "laufschuhe damen shoes", "laufschuhe"]
    found = foreign_texts(tokenizer, texts, [None] * 4)
    assert found.share == pytest.approx(2 / 3)  # one word alone tells nothing
    assert found.languages == {}


def test_texts_of_a_stated_language_are_told_together(tokenizer: Tokenizer) -> None:
    texts = [*["laufschuhe"] * 60, *["running shoes"] * 40, GERMAN]
    found = foreign_texts(tokenizer, texts, [*["de"] * 60, *["en"] * 40, "nl"])
    assert found.languages == {"de": 1.0, "en": 0.0}
    assert found.share == pytest.approx(61 / 101)


def test_no_texts_are_no_foreign_ones(tokenizer: Tokenizer) -> None:
    assert foreign_texts(tokenizer, [], []).share == 0.0
