"""The hand-written word lists: themes, their facets, and each value's words in seven languages.

``vocabulary/<theme>.txt`` has a value a line: facet, group of related values, then the words in
English (synonyms separated by a slash), Spanish, German, French, Portuguese, Japanese and Hindi.
The first facet is the theme's head: what a pin is of. ``vocabulary/incompatible.txt`` names pairs
(a group or an English word each) that no pin has together.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["FACETS", "LANGUAGES", "THEMES", "Theme", "Value", "load_themes"]

THEMES = ("home", "recipes", "fashion", "travel", "diy")
LANGUAGES = ("en", "es", "de", "fr", "pt", "ja", "hi")
FACETS = 5
"""Every theme has five facets, the head first."""


@dataclass(frozen=True)
class Value:
    """One value of a facet.

    Attributes:
        group: values of one group are related ("sofa" and "armchair").
        words: for each language, one or more ways to say it.
    """

    group: str
    words: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Theme:
    """One theme's facets.

    Attributes:
        name: of :data:`THEMES`.
        facets: names, the head first.
        values: for each facet, its values.
        incompatible: ``((facet, values), (facet, values))``: no pin has one of each.
    """

    name: str
    facets: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]
    incompatible: tuple[tuple[tuple[int, frozenset[int]], tuple[int, frozenset[int]]], ...]


@cache
def load_themes() -> tuple[Theme, ...]:
    """Return the themes in the order of :data:`THEMES`."""
    pairs = [line.split("|") for line in _lines("incompatible")]
    return tuple(
        _theme(name, [(a, b) for theme, a, b in pairs if theme == name]) for name in THEMES
    )


def _lines(name: str) -> list[str]:
    file = files("pintower.data.synthetic") / "vocabulary" / f"{name}.txt"
    return file.read_text(encoding="utf-8").splitlines()


def _theme(name: str, pairs: list[tuple[str, str]]) -> Theme:
    facets: dict[str, list[Value]] = {}
    for line in _lines(name):
        facet, group, *words = line.split("|")
        value = Value(group, tuple(tuple(word.split("/")) for word in words))
        facets.setdefault(facet, []).append(value)
    values = tuple(tuple(column) for column in facets.values())
    found = [(_find(values, a), _find(values, b)) for a, b in pairs]
    return Theme(name, tuple(facets), values, tuple(found))


def _find(values: tuple[tuple[Value, ...], ...], name: str) -> tuple[int, frozenset[int]]:
    """Return the facet and values that a group's name, or else a value's English word, means."""
    for facet, column in enumerate(values):
        if rows := frozenset(row for row, value in enumerate(column) if value.group == name):
            return facet, rows
    for facet, column in enumerate(values):
        if rows := frozenset(row for row, value in enumerate(column) if name in value.words[0]):
            return facet, rows
    raise LookupError(f"vocabulary/incompatible.txt names {name!r}, which no word list holds")
