"""Match features: BM25 over each text source and plain query-term statistics.

The corpus statistics are frozen at training; at serving time a pin's terms come from the forward
index, so a feature depends on the query, the pin and the frozen statistics alone.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .forward_index import TITLE_TERMS, ForwardIndex, count_terms, source_terms, spans
from .rendering import PIN_SOURCES
from .terms import term_id, terms
from .version import VERSION, require_version

__all__ = ["FEATURES", "MAX_QUERY_TERMS", "MatchStatistics", "fit_statistics", "match_features"]

FEATURES = (
    *(f"bm25_{source}" for source in PIN_SOURCES),
    "idf_share_matched",
    "share_matched",
    "share_matched_title",
    "title_exact",
    "title_prefix",
    "query_terms",
)
"""Names of the match features, in the order of the columns."""

MAX_QUERY_TERMS = 64
"""Distinct terms of a query that count; the rest of a longer one is ignored."""

_K1, _B = 1.2, 0.75


@dataclass(frozen=True)
class MatchStatistics:
    """Corpus statistics, frozen at training.

    Attributes:
        pins: number of pins they were taken from.
        mean_lengths: FP64 [5], mean number of terms of each text source.
        ids: UINT32 [V], the corpus's terms, sorted.
        frequencies: INT64 [V], number of pins that hold each term in any source.
    """

    pins: int
    mean_lengths: NDArray[np.float64]
    ids: NDArray[np.uint32]
    frequencies: NDArray[np.int64]

    @cached_property
    def length_scale(self) -> NDArray[np.float64]:
        """FP64 [5]: what a term of each text source adds to BM25's norm."""
        return _K1 * _B / np.maximum(self.mean_lengths, 1e-9)

    def save(self, folder: Path) -> None:
        """Write ``stats.json`` and the term arrays into a folder, made if absent."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "terms.npy", self.ids)
        np.save(folder / "frequencies.npy", self.frequencies)
        values = {
            "version": VERSION,
            "features": list(FEATURES),
            "pins": self.pins,
            "mean_lengths": dict(zip(PIN_SOURCES, self.mean_lengths.tolist(), strict=True)),
        }
        (folder / "stats.json").write_text(json.dumps(values, indent=2) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> "MatchStatistics":
        """Read what :meth:`save` wrote.

        Raises:
            ValueError: if the statistics are for other features than this code computes, or other
                text rules counted them.
        """
        values = json.loads((folder / "stats.json").read_text("utf-8"))
        require_version(
            values.get("version"),
            folder,
            "Make again what holds it: a student by training or `pintower student from-encoder`, "
            "pins and releases by `pintower build`.",
        )
        if tuple(values["features"]) != FEATURES:
            raise ValueError(
                f"{folder}: match features {values['features']}, "
                f"this code computes {list(FEATURES)}; install the pintower that made them, or "
                "make them again"
            )
        return cls(
            pins=values["pins"],
            mean_lengths=np.array([values["mean_lengths"][source] for source in PIN_SOURCES]),
            ids=np.asarray(np.load(folder / "terms.npy", mmap_mode="r")),
            frequencies=np.asarray(np.load(folder / "frequencies.npy", mmap_mode="r")),
        )

    def idf(self, ids: NDArray[np.uint32]) -> NDArray[np.float64]:
        """Return BM25's inverse document frequency of some terms; an unknown one is rarest."""
        frequencies = np.zeros(len(ids))
        if len(self.ids):
            position = np.minimum(self.ids.searchsorted(ids), len(self.ids) - 1)
            frequencies = self.frequencies.take(position) * (self.ids.take(position) == ids)
        return np.log1p((self.pins + 0.5 - frequencies) / (frequencies + 0.5))


def fit_statistics(pins: Iterable[Mapping[str, Any]]) -> MatchStatistics:
    """Return the statistics of a catalogue, in one pass."""
    total = 0
    lengths = np.zeros(len(PIN_SOURCES))
    frequencies: dict[int, int] = {}
    for pin in pins:
        total += 1
        found: set[int] = set()
        for column, source in enumerate(PIN_SOURCES):
            ids = [term_id(term) for term in source_terms(pin, source)]
            lengths[column] += len(ids)
            found.update(ids)
        for key in found:
            frequencies[key] = frequencies.get(key, 0) + 1
    ordered = sorted(frequencies)
    return MatchStatistics(
        pins=total,
        mean_lengths=lengths / max(total, 1),
        ids=np.array(ordered, dtype=np.uint32),
        frequencies=np.array([frequencies[key] for key in ordered], dtype=np.int64),
    )


def match_features(
    query: str, index: ForwardIndex, rows: NDArray[np.int64], statistics: MatchStatistics
) -> NDArray[np.float32]:
    """Return the match features of one query against some pins.

    Args:
        query: the query's text; any string.
        index: the pins' forward index.
        rows: INT64 [N], rows of the index.
        statistics: the frozen corpus statistics.

    Returns:
        FP32 [N, F] with the columns of :data:`FEATURES`; all zero for a query without terms.

    BM25 as in Robertson & Zaragoza (2009), "The Probabilistic Relevance Framework: BM25 and
    Beyond", with k1 = 1.2 and b = 0.75, once per text source.
    """
    features = np.zeros((len(rows), len(FEATURES)), dtype=np.float32)
    ordered = [term_id(term) for term in terms(query)]
    distinct = np.array(list(dict.fromkeys(ordered))[:MAX_QUERY_TERMS], dtype=np.uint32)
    if not len(distinct) or not len(rows):
        return features
    idf = statistics.idf(distinct)
    counts = count_terms(index, rows, distinct)
    norm = index.lengths.take(rows, axis=0) * statistics.length_scale
    norm += _K1 * (1 - _B)

    sources = len(PIN_SOURCES)
    parts = np.empty((len(distinct), len(rows), sources + 3))
    gain = np.divide(counts, counts + norm, out=parts[:, :, :sources])
    gain *= ((_K1 + 1) * idf)[:, None, None]
    held = (counts @ np.ones(sources)) > 0  # whole numbers: their sums are exact in any order
    parts[:, :, sources] = held * idf[:, None]
    parts[:, :, sources + 1] = held
    parts[:, :, sources + 2] = counts[:, :, 0] > 0
    sums = parts.sum(axis=0)
    sums[:, sources:] /= (idf.sum(), len(distinct), len(distinct))
    features[:, : sources + 3] = sums
    prefix, exact = _title_match(np.array(ordered, dtype=np.uint32), index, rows)
    features[:, sources + 3] = exact
    features[:, sources + 4] = prefix
    features[:, sources + 5] = len(distinct)
    return features


def _title_match(
    query: NDArray[np.uint32], index: ForwardIndex, rows: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return BOOL [N] twice: the title begins with the query; the title is the query."""
    if len(query) > TITLE_TERMS or not len(index.title_ids):
        nowhere = np.zeros(len(rows), dtype=bool)
        return nowhere, nowhere
    begin, lengths = spans(index.title_indptr, rows)
    positions = np.arange(len(query))[:, None] + begin
    prefix = (index.title_ids.take(positions, mode="clip") == query[:, None]).all(axis=0)
    prefix &= lengths >= len(query)
    return prefix, prefix & (lengths == len(query))
