"""What pins are of, before any word is written: theme, five facet values, language, country."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pintower.data.synthetic.vocabulary import FACETS, LANGUAGES, Theme

__all__ = ["COUNTRIES", "Attributes", "draw_attributes", "groups_of", "random_stream"]

COUNTRIES = {
    "en": ("US", "US", "US", "GB", "CA", "AU"),
    "es": ("ES", "MX", "AR"),
    "de": ("DE", "DE", "AT", "CH"),
    "fr": ("FR", "FR", "CA", "BE"),
    "pt": ("BR", "BR", "PT"),
    "ja": ("JP",),
    "hi": ("IN",),
}
_LANGUAGE_SHARES = (0.62, 0.10, 0.08, 0.07, 0.07, 0.03, 0.03)
_THEME_SHARES = (0.25, 0.22, 0.22, 0.14, 0.17)
_UNSAID = 0.2
"""Share of the facets (the head apart) in which a pin has no value."""


@dataclass(frozen=True)
class Attributes:
    """Latent attributes of N pins or queries.

    Attributes:
        theme: INT [N], index of the theme.
        values: INT [N, 5], index of each facet's value, -1 for none.
        language: INT [N], index of the language.
    """

    theme: NDArray[np.int64]
    values: NDArray[np.int64]
    language: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.theme)


def random_stream(seed: int, purpose: str) -> np.random.Generator:
    """Return a generator of its own for one purpose, so that purposes do not shift each other."""
    return np.random.default_rng([seed, *purpose.encode()])


def draw_attributes(n: int, themes: tuple[Theme, ...], rng: np.random.Generator) -> Attributes:
    """Draw ``n`` pins: values are Zipf-popular, and no two of a pin's values are incompatible."""
    theme = rng.choice(len(themes), n, p=_THEME_SHARES)
    values = np.full((n, FACETS), -1)
    for index, entry in enumerate(themes):
        rows = np.flatnonzero(theme == index)
        for facet, column in enumerate(entry.values):
            popularity = 1 / (rng.permutation(len(column)) + 3.0) ** 0.8
            drawn = rng.choice(len(column), len(rows), p=popularity / popularity.sum())
            said = rng.random(len(rows)) >= (_UNSAID if facet else 0)
            values[rows, facet] = np.where(said, drawn, -1)
        for (one, these), (other, those) in entry.incompatible:
            clash = np.isin(values[rows, one], list(these))
            clash &= np.isin(values[rows, other], list(those))
            values[rows[clash], max(one, other)] = -1
    language = rng.choice(len(LANGUAGES), n, p=_LANGUAGE_SHARES)
    return Attributes(theme, values, language)


def groups_of(attributes: Attributes, themes: tuple[Theme, ...]) -> NDArray[np.int64]:
    """Return INT [N, 5]: the group of each value, numbered within theme and facet; -1 for none."""
    groups = np.full(attributes.values.shape, -1)
    for index, entry in enumerate(themes):
        rows = np.flatnonzero(attributes.theme == index)
        for facet, column in enumerate(entry.values):
            names = list(dict.fromkeys(value.group for value in column))
            numbers = np.array([*(names.index(value.group) for value in column), -1])
            groups[rows, facet] = numbers[attributes.values[rows, facet]]
    return groups
