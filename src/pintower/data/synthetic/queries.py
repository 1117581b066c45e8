"""Queries: one to five words about attributes that some pin has, and how people spell them."""

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pintower.data.splits import normal_forms
from pintower.data.synthetic.attributes import Attributes
from pintower.data.synthetic.phrases import pick, say
from pintower.data.synthetic.vocabulary import FACETS, LANGUAGES, Theme

__all__ = ["Queries", "draw_queries"]

_MOST_WORDS = 5
_NAMED = (1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 5)
_VARIANT = 0.2
_TAIL_VARIANT = 0.35
_HEAD = 0.88
_GENERAL = {"home": "decor", "recipes": "recipes", "fashion": "outfit", "travel": "trip",
            "diy": "crafts"}  # fmt: skip
_SUFFIXES = ("ideas", "inspo", "aesthetic", "diy", "2026")
_PLAIN = str.maketrans("áéíóúñüöäçãõâêôàè", "aeiounuoacaoaeoae")
_KEYWORDS = 0.7
"""How often Japanese words are typed with blanks between them, rather than as a phrase."""

_WITH_FUNCTION_WORDS = ("es", "de", "fr", "pt")
_FUNCTION_WORDS = frozenset(
    "de en para el la los las con aus im in für fürs zum zur den die mit le la les pour en du au "
    "aux à com o a no na em do da".split()
)


@dataclass(frozen=True)
class Queries:
    """Distinct queries with what they mean.

    Attributes:
        texts: [Q], in normal form, no two alike.
        meaning: latent attributes; a facet that the query does not name is -1.
        intent: INT [Q]; spelling variants of one query share a number.
        common: how many of them people ask again and again; the rest is the tail, asked once.
    """

    texts: list[str]
    meaning: Attributes
    intent: NDArray[np.int64]
    common: int


def draw_queries(
    common: int, tail: int, pins: Attributes, themes: tuple[Theme, ...], draw: random.Random
) -> Queries:
    """Draw ``common`` queries, every fifth a variant of another, then a tail of ``tail`` more."""
    seen: dict[str, int] = {}
    pin_of: list[int] = []
    named: list[list[int]] = []
    intents: list[int] = []
    while len(seen) < common + tail:
        in_tail = len(seen) >= common
        variant = draw.random() < (_TAIL_VARIANT if in_tail else _VARIANT) and bool(seen)
        if variant:
            base = draw.randrange(min(len(pin_of), common))
            pin, facets, intent = pin_of[base], named[base], intents[base]
        else:
            pin, intent = draw.randrange(len(pins)), len(pin_of)
            facets = []
        theme, values = themes[pins.theme[pin]], pins.values[pin].tolist()
        language = int(pins.language[pin])
        if not facets:
            facets = pick(values, draw.choice(_NAMED) + in_tail, draw, head=_HEAD)
        text = _ask(theme, values, facets, language, draw)
        while len(text.split()) > _MOST_WORDS and len(facets) > 1 and not variant:
            facets = facets[:-1]
            text = _ask(theme, values, facets, language, draw)
        if variant:
            text = _respell(text, language, draw)
        text = next(iter(normal_forms([text]).values()))
        if not text or text in seen or len(text.split()) > _MOST_WORDS:
            continue
        seen[text] = len(seen)
        pin_of.append(pin)
        named.append(facets)
        intents.append(intent)
    meaning = _meaning(pins, np.array(pin_of, dtype=np.int64), named)
    return Queries(list(seen), meaning, np.array(intents, dtype=np.int64), common)


def _meaning(pins: Attributes, rows: NDArray[np.int64], named: list[list[int]]) -> Attributes:
    values = np.full((len(rows), FACETS), -1)
    for index, facets in enumerate(named):
        values[index, facets] = pins.values[rows[index], facets]
    return Attributes(pins.theme[rows], values, pins.language[rows])


def _ask(
    theme: Theme, values: list[int], facets: list[int], language: int, draw: random.Random
) -> str:
    """Say the facets as a searcher types them: few function words, a general noun for no head."""
    name = LANGUAGES[language]
    keywords = name == "ja" and draw.random() < _KEYWORDS
    text = say(theme, values, facets, language, draw, last=0.25, keywords=keywords)
    words = text.split()
    if name in _WITH_FUNCTION_WORDS and len(words) > 2 and draw.random() < 0.6:
        words = [word for word in words if word.lower() not in _FUNCTION_WORDS]
    if 0 not in facets and name == "en" and theme.name != "travel":
        words.append(_GENERAL[theme.name])
    return " ".join(words)


def _respell(text: str, language: int, draw: random.Random) -> str:
    """Return a variant: another word order, a plural, a word more, no accents, or a typo."""
    words = text.split()
    english = LANGUAGES[language] == "en"
    variants = [_slip(words, draw)]
    if len(words) > 1:
        variants.append(" ".join(draw.sample(words, len(words))))
    if english:
        more = [suffix for suffix in _SUFFIXES if suffix not in words]
        variants.append(f"{text} {draw.choice(more)}")
    if english and words[-1][-1] not in "sfyxhn":
        variants.append(text + "s")
    if text != text.translate(_PLAIN):
        variants.append(text.translate(_PLAIN))
    return draw.choice(variants)


def _slip(words: list[str], draw: random.Random) -> str:
    """Return the words with two letters swapped, one left out or one doubled in one of them."""
    longest = max(words, key=len)
    if len(longest) < 4:
        return " ".join(words)
    at = draw.randrange(1, len(longest) - 1)
    slipped = draw.choice(
        (
            longest[:at] + longest[at + 1] + longest[at] + longest[at + 2 :],
            longest[:at] + longest[at + 1 :],
            longest[:at] + longest[at] + longest[at:],
        )
    )
    return " ".join(slipped if word == longest else word for word in words)
