"""The forward index: for every pin, which terms its text sources hold and how often."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rendering import PIN_SOURCES
from .terms import term_id, terms

__all__ = [
    "TITLE_TERMS",
    "ForwardIndex",
    "build_forward_index",
    "count_terms",
    "pin_terms",
    "source_terms",
    "spans",
    "sum_counts",
]

TITLE_TERMS = 64
"""Terms of a title that are kept in order, for the exact and the prefix match."""


@dataclass(frozen=True)
class ForwardIndex:
    """Terms of N pins in compressed rows.

    Attributes:
        indptr: INT64 [N + 1], where each pin's terms begin.
        ids: UINT32 [T], the pins' distinct terms.
        counts: UINT8 [T, 5], occurrences in each text source (255 at most).
        lengths: UINT32 [N, 5], terms of each text source, the sums of the counts.
        title_indptr: INT64 [N + 1], where each pin's title begins.
        title_ids: UINT32 [W], the titles' terms in order.
    """

    indptr: NDArray[np.int64]
    ids: NDArray[np.uint32]
    counts: NDArray[np.uint8]
    lengths: NDArray[np.uint32]
    title_indptr: NDArray[np.int64]
    title_ids: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def save(self, folder: Path) -> None:
        """Write ``terms.*.npy`` files into an existing folder."""
        for field in fields(self):
            np.save(folder / f"terms.{field.name}.npy", getattr(self, field.name))

    @classmethod
    def load(cls, folder: Path) -> "ForwardIndex":
        """Open the files memory-mapped, so that every process shares them."""
        arrays = {
            field.name: np.asarray(np.load(folder / f"terms.{field.name}.npy", mmap_mode="r"))
            for field in fields(cls)
        }
        return cls(**arrays)


def spans(
    indptr: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where some rows of a compressed-row array begin, and their lengths; INT64 [R] each."""
    begin = indptr.take(rows)
    return begin, indptr.take(rows + 1) - begin


def count_terms(
    index: ForwardIndex, rows: NDArray[np.int64], ids: NDArray[np.uint32]
) -> NDArray[np.float64]:
    """Return how often some pins hold some terms in each text source.

    Args:
        index: of the pins.
        rows: INT64 [N], rows of the index, any number of times.
        ids: UINT32 [Q], distinct terms.

    Returns:
        FP64 [Q, N, 5].
    """
    begin, lengths = spans(index.indptr, rows)
    ends = lengths.cumsum()
    held = int(ends[-1]) if len(ends) else 0
    positions = (begin - ends + lengths).repeat(lengths)  # the rows' terms, laid end to end
    positions += np.arange(held)
    found = np.flatnonzero(ids[:, None] == index.ids.take(positions))
    term = found // max(held, 1)
    place = found - term * held
    row = ends.searchsorted(place, side="right")
    counts = np.zeros((len(ids) * len(rows), len(PIN_SOURCES)))
    # A pin's terms are distinct, so none is found twice.
    counts[term * len(rows) + row] = index.counts.take(positions.take(place), axis=0)
    return counts.reshape(len(ids), len(rows), len(PIN_SOURCES))


def source_terms(pin: Mapping[str, Any], source: str) -> list[str]:
    """Return the terms of one text source of a pin."""
    value = pin.get(source)
    if not value:
        return []
    return terms(value if isinstance(value, str) else " ".join(str(item) for item in value))


def pin_terms(pin: Mapping[str, Any]) -> tuple[list[int], list[list[int]], list[int]]:
    """Return a pin's row of the index.

    Returns:
        Its distinct terms in the order in which they occur; for each, how often each of the five
        text sources holds it (255 at most); and the title's terms in order.
    """
    counted: dict[int, list[int]] = {}
    title: list[int] = []
    for column, source in enumerate(PIN_SOURCES):
        found = [term_id(term) for term in source_terms(pin, source)]
        if column == 0:
            title = found[:TITLE_TERMS]
        for key in found:
            row = counted.setdefault(key, [0] * len(PIN_SOURCES))
            row[column] = min(row[column] + 1, 255)
    return list(counted), list(counted.values()), title


def build_forward_index(pins: Iterable[Mapping[str, Any]]) -> ForwardIndex:
    """Return the forward index of pins, in their order."""
    lengths, title_lengths = [0], [0]
    ids: list[int] = []
    counts: list[list[int]] = []
    titles: list[int] = []
    for pin in pins:
        own, counted, title = pin_terms(pin)
        ids.extend(own)
        counts.extend(counted)
        titles.extend(title)
        lengths.append(len(own))
        title_lengths.append(len(title))
    indptr = np.cumsum(lengths, dtype=np.int64)
    of_terms = np.array(counts, dtype=np.uint8).reshape(-1, len(PIN_SOURCES))
    return ForwardIndex(
        indptr=indptr,
        ids=np.array(ids, dtype=np.uint32),
        counts=of_terms,
        lengths=sum_counts(indptr, of_terms),
        title_indptr=np.cumsum(title_lengths, dtype=np.int64),
        title_ids=np.array(titles, dtype=np.uint32),
    )


def sum_counts(indptr: NDArray[np.int64], counts: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the terms of each text source of N pins, UINT32 [N, 5].

    Args:
        indptr: INT64 [N + 1], where each pin's terms begin.
        counts: UINT8 [T, 5], occurrences of each of them.
    """
    sums = np.zeros((len(counts) + 1, len(PIN_SOURCES)), dtype=np.int64)
    np.cumsum(counts, axis=0, out=sums[1:])
    return (sums[indptr[1:]] - sums[indptr[:-1]]).astype(np.uint32)
