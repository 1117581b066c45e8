"""Words of texts that a tokenizer's vocabulary does not hold whole: is it of their language?

A vocabulary of one language holds most of its words and breaks those of another into pieces, so the
share of broken words tells the languages apart where no token is unknown.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from pintower.models.tokenization import unknown_id
from pintower.text.unicode_table import MARKS

__all__ = ["ForeignTexts", "count_split_words", "foreign_texts"]

_WORD = re.compile(rf"(?:[^\W\d_]|[{MARKS}])+")
_SHORT = 3
"""Letters of the longest words that are left out: such a word may be in any vocabulary."""
_BROKEN = 0.5
"""Share of broken words beyond which a text is in another language: 0.1 of English prose, 0.15 to
0.25 of English product titles and searches, 0.8 of German and Spanish, nearly all of other scripts.
"""
_FEWEST_WORDS = 2
"""Of a text, for it to be told by itself."""
_FEWEST_OF_LANGUAGE = 50
"""Words of a stated language, for its texts to be told together."""


@dataclass(frozen=True)
class ForeignTexts:
    """Which texts are in a language that a tokenizer was not made for.

    Attributes:
        share: of the texts that can be told.
        broken: share of broken words in all texts.
        languages: share of broken words in each stated language.
    """

    share: float
    broken: float
    languages: Mapping[str, float]


def count_split_words(tokenizer: Tokenizer, texts: Sequence[str]) -> NDArray[np.int64]:
    """Return how many words each text has, and how many of them are broken, INT64 [N, 2].

    Words of up to three ASCII letters are not counted.
    """
    found = [
        [word for word in _WORD.findall(text) if len(word) > _SHORT or not word.isascii()]
        for text in texts
    ]
    flat = [word for words in found for word in words]
    unknown = unknown_id(tokenizer)
    encoded = tokenizer.encode_batch_fast(flat, add_special_tokens=False)
    broken = np.array([len(each) != 1 or each.ids[0] == unknown for each in encoded], dtype=bool)
    counts = np.array([len(words) for words in found], dtype=np.int64)
    ends = np.concatenate([[0], np.cumsum(broken)])
    last = np.cumsum(counts)
    return np.column_stack([counts, ends[last] - ends[last - counts]])


def foreign_texts(
    tokenizer: Tokenizer, texts: Sequence[str], languages: Sequence[str | None]
) -> ForeignTexts:
    """Tell which of N texts are in another language than the tokenizer's vocabulary.

    Texts of one stated language are told together, the others each by itself, if it has two words.

    Args:
        tokenizer: with a vocabulary of one language.
        texts: the texts.
        languages: of the texts, where they are stated.
    """
    counts = count_split_words(tokenizer, texts)
    words, broken = counts[:, 0], counts[:, 1]
    told, foreign = words >= _FEWEST_WORDS, broken > _BROKEN * words
    named = np.array([language or "" for language in languages], dtype=object)
    shares = {}
    for language in sorted(set(named.tolist()) - {""}):
        own = named == language
        if words[own].sum() >= _FEWEST_OF_LANGUAGE:
            shares[language] = float(broken[own].sum() / words[own].sum())
            told[own], foreign[own] = True, shares[language] > _BROKEN
    return ForeignTexts(
        share=float((told & foreign).sum() / max(1, told.sum())),
        broken=float(broken.sum() / max(1, words.sum())),
        languages=shares,
    )
