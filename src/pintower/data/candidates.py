"""BM25 over the catalogue: candidates for a query, and a baseline's scores."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.artifacts import read_json, write_json
from pintower.data.tables import TEXT_COLUMNS
from pintower.errors import DatasetError
from pintower.text.forward_index import source_terms
from pintower.text.terms import terms
from pintower.text.version import VERSION, require_version

__all__ = ["CandidateIndex"]

logging.getLogger("bm25s").setLevel(logging.WARNING)  # it talks at DEBUG, on a handler of its own

_IDS = "pin_ids.parquet"
_RULES = "text_rules.json"


@dataclass(frozen=True)
class CandidateIndex:
    """A BM25 index (bm25s, the Lucene variant) over the pins' text sources, in full.

    Attributes:
        pin_ids: String [N], in the order of the index.
        bm25: the index; memory-mapped after :meth:`load`.
    """

    pin_ids: pl.Series
    bm25: Any

    @classmethod
    def build(cls, pins: pl.DataFrame) -> "CandidateIndex":
        """Index the five text sources of every pin.

        Raises:
            DatasetError: if no pin holds a word.
        """
        vocabulary: dict[str, int] = {}
        documents: list[list[int]] = []
        for pin in pins.select(TEXT_COLUMNS).iter_rows(named=True):
            words = [term for source in TEXT_COLUMNS for term in source_terms(pin, source)]
            documents.append([vocabulary.setdefault(word, len(vocabulary)) for word in words])
        if not vocabulary:
            raise DatasetError("No pin holds a searchable word; check the pins' text columns.")
        index = bm25s.BM25(method="lucene")
        index.index((documents, vocabulary), create_empty_token=False, show_progress=False)
        return cls(pins["pin_id"], index)

    def save(self, folder: Path) -> None:
        """Write the index into a folder, made if absent."""
        folder.mkdir(parents=True, exist_ok=True)
        self.bm25.save(os.fspath(folder), show_progress=False)
        self.pin_ids.to_frame("pin_id").write_parquet(folder / _IDS)
        write_json(folder / _RULES, {"version": VERSION})

    @classmethod
    def load(cls, folder: Path) -> "CandidateIndex":
        """Open what :meth:`save` wrote, memory-mapped.

        Raises:
            DatasetError: if the folder holds no index, or one of other text rules.
        """
        if not (folder / _IDS).is_file():
            raise DatasetError(f"{folder} holds no candidate index; build and save one there.")
        rules = read_json(folder / _RULES) if (folder / _RULES).is_file() else {}
        try:
            require_version(rules.get("version"), folder, "Build the pins and the release again.")
        except ValueError as error:
            raise DatasetError(str(error)) from error
        index = bm25s.BM25.load(os.fspath(folder), mmap=True)
        return cls(pl.read_parquet(folder / _IDS, glob=False)["pin_id"], index)

    def search(self, query: str, n: int) -> list[str]:
        """Return up to ``n`` pin ids, best first; pins without a term of the query are left out.

        Ties keep the order of the catalogue. Any query is fine: one without a known term finds
        nothing.
        """
        scores = self._all_scores(query)
        if scores is None or n <= 0:
            return []
        found = np.flatnonzero(scores > 0)
        if len(found) > n:
            least = np.partition(scores[found], len(found) - n)[len(found) - n]
            found = found[scores[found] >= least]
        best = found[np.argsort(-scores[found], kind="stable")][:n]
        ids: list[str] = self.pin_ids.gather(best).to_list()
        return ids

    def scores(self, query: str, pin_ids: Sequence[str]) -> NDArray[np.float32]:
        """Return BM25 scores FP32 [len(pin_ids)]; an unknown pin has 0."""
        scores = self._all_scores(query)
        result = np.zeros(len(pin_ids), dtype=np.float32)
        if scores is None:
            return result
        rows = np.array([self._rows.get(pin_id, -1) for pin_id in pin_ids], dtype=np.int64)
        known = rows >= 0
        result[known] = scores[rows[known]]
        return result

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {pin_id: row for row, pin_id in enumerate(self.pin_ids)}

    def _all_scores(self, query: str) -> NDArray[np.float32] | None:
        """Return FP32 [N], or None if no term of the query is known."""
        vocabulary = self.bm25.vocab_dict
        known = [vocabulary[term] for term in terms(query) if term in vocabulary]
        if not known:
            return None
        scores: NDArray[np.float32] = self.bm25.get_scores_from_ids(known)
        return scores
