"""The rule behind every level: how much of what a query names a pin has.

A query names some facets; the head weighs 2, any other facet 1. A pin earns a facet's whole weight
with the same value, half with another value of the same group, nothing otherwise. The overlap is
the share earned, and the level follows from it:

    overlap  >= 0.95   5   everything asked for
             >= 0.70   4   nearly everything
             >= 0.45   3   about half, or the right kind of thing
             >  0      2   something in common
             =  0      1   nothing in common, another theme

A pin in a language that is neither the query's nor English has level 4 at most.
"""

import numpy as np
from numpy.typing import NDArray

from pintower.data.synthetic.attributes import Attributes, groups_of
from pintower.data.synthetic.vocabulary import Theme

__all__ = ["Relevance", "with_annotator_noise"]

_WEIGHTS = np.array([2.0, 1.0, 1.0, 1.0, 1.0])
_THRESHOLDS = np.array([1e-6, 0.45, 0.70, 0.95])
_RELATED = 0.5
_DISAGREE = 0.15


class Relevance:
    """Overlaps and levels of queries with the pins of a catalogue."""

    def __init__(self, pins: Attributes, queries: Attributes, themes: tuple[Theme, ...]) -> None:
        self._pins = pins
        self._queries = queries
        self._pin_groups = groups_of(pins, themes)
        self._query_groups = groups_of(queries, themes)

    def overlaps(self, query: int) -> NDArray[np.float64]:
        """Return FP64 [N]: the overlap of one query with every pin."""
        named = np.flatnonzero(self._queries.values[query] >= 0)
        rows = np.flatnonzero(self._pins.theme == self._queries.theme[query])
        earned = np.zeros(len(rows))
        for facet in named:
            same = self._pins.values[rows, facet] == self._queries.values[query, facet]
            related = self._pin_groups[rows, facet] == self._query_groups[query, facet]
            earned += _WEIGHTS[facet] * np.where(same, 1.0, np.where(related, _RELATED, 0.0))
        result = np.zeros(len(self._pins))
        result[rows] = earned / _WEIGHTS[named].sum()
        return result

    def levels(self, query: int, overlaps: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return INT [N]: the true level of one query with every pin."""
        levels = np.searchsorted(_THRESHOLDS, overlaps + 1e-9, side="right") + 1
        language = self._pins.language
        foreign = (language != self._queries.language[query]) & (language != 0)
        return np.where(foreign, np.minimum(levels, 4), levels)


def with_annotator_noise(levels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return levels as people would give them: about 15 of 100 off by one."""
    step = rng.choice((-1, 1), len(levels))
    step = np.where(levels == 1, 1, np.where(levels == 5, -1, step))
    return np.where(rng.random(len(levels)) < _DISAGREE, levels + step, levels)
