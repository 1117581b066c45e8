"""Attributes put into words, in the order a language says them."""

import random
from collections.abc import Sequence

from pintower.data.synthetic.vocabulary import LANGUAGES, Theme

__all__ = ["pick", "say", "word_of"]

_ENGLISH_ORDER = {
    "home": (1, 2, 3, 4, 0),
    "recipes": (3, 1, 2, 4, 0),
    "fashion": (1, 2, 3, 4, 0),
    "travel": (1, 0, 3, 2, 4),
    "diy": (1, 2, 3, 4, 0),
}
"""English puts modifiers before the head: "boho navy velvet sofa"."""

_OTHER_ORDER = {"travel": (4, 2, 0, 1, 3)}
"""Spanish, German, French and Portuguese put the head first ("sofá de terciopelo"), a trip's topic
apart."""

_HEAD_LAST = ("en", "ja", "hi")

_PARTICLE = {"ja": "の"}
"""What stands between two attributes where no blank does: "ベルベットのソファ"."""

_FOR = {"home": 4, "recipes": 4, "fashion": 4, "diy": 4}
"""The facet that English may say last: "for the living room", "for christmas"."""


def word_of(theme: Theme, facet: int, value: int, language: int, draw: random.Random) -> str:
    """Return one way to say a value."""
    return draw.choice(theme.values[facet][value].words[language])


def pick(values: Sequence[int], count: int, draw: random.Random, head: float = 1.0) -> list[int]:
    """Choose up to ``count`` facets that have a value; the head with probability ``head``."""
    rest = [facet for facet, value in enumerate(values) if facet and value >= 0]
    draw.shuffle(rest)
    chosen = [0] if draw.random() < head or not rest else []
    return [*chosen, *rest][:count]


def say(
    theme: Theme,
    values: Sequence[int],
    facets: Sequence[int],
    language: int,
    draw: random.Random,
    *,
    last: float = 0.5,
    keywords: bool = False,
) -> str:
    """Say some facets as one phrase in lower case (German nouns and names apart).

    Japanese is written without blanks.

    Args:
        theme: the theme.
        values: the five values.
        facets: which of them to say.
        language: index of the language.
        draw: the source of chance.
        last: how often English says room or occasion last, after "for".
        keywords: set Japanese words apart by blanks, as searchers do.
    """
    name = LANGUAGES[language]
    order: Sequence[int]
    if name in _HEAD_LAST:
        order = _ENGLISH_ORDER[theme.name]
    else:
        order = _OTHER_ORDER.get(theme.name, range(len(values)))
    words = {facet: word_of(theme, facet, values[facet], language, draw) for facet in facets}
    late = _FOR.get(theme.name)
    if name == "en" and late in words and len(words) > 1 and draw.random() < last:
        said = [words[facet] for facet in order if facet in words and facet != late]
        return f"{' '.join(said)} for {words[late]}"
    between = " " if keywords else _PARTICLE.get(name, " ")
    return between.join(words[facet] for facet in order if facet in words)
