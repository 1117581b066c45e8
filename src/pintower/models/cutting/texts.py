"""What a cut query encoder learns from: queries, and texts of the catalogue that look like them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pintower.data.tables import JUDGMENTS, PINS, QUERY_LOG, read_table
from pintower.errors import DatasetError
from pintower.text.words import words

__all__ = ["QueryTexts", "read_texts"]

_SHARES = {"query": 0.45, "title": 0.2, "fragment": 0.15, "board": 0.08, "joined": 0.12}
_DROPPED_FROM = 0.3
"""Share of the queries that lose words."""
_DROPPED = 0.25
"""Share of the words such a query loses."""
_FRAGMENT_WORDS = 6
_WORDS = 16


@dataclass(frozen=True)
class QueryTexts:
    """Where training texts are drawn from.

    Attributes:
        queries: distinct; none of them held out.
        held_out: validation queries, to measure on.
        titles: of pins.
        passages: captions and descriptions; some words in a row stand for a query.
        boards: titles of boards.
    """

    queries: Sequence[str]
    held_out: Sequence[str]
    titles: Sequence[str]
    passages: Sequence[str]
    boards: Sequence[str]

    def draw(self, count: int, random: np.random.Generator) -> list[str]:
        """Return texts: queries, some with words left out, titles, fragments, boards, joined."""
        kinds = random.choice(len(_SHARES), size=count, p=list(_SHARES.values()))
        return [self._one(list(_SHARES)[kind], random) for kind in kinds]

    def _one(self, kind: str, random: np.random.Generator) -> str:
        def pick(texts: Sequence[str]) -> list[str]:
            return words(texts[int(random.integers(len(texts)))]) if texts else []

        query = pick(self.queries)
        if kind == "query" and random.random() < _DROPPED_FROM:
            chosen = [word for word in query if random.random() >= _DROPPED]
        elif kind == "title":
            chosen = pick(self.titles)
        elif kind == "fragment":
            passage = pick(self.passages)
            begin = int(random.integers(max(1, len(passage))))
            chosen = passage[begin : begin + 1 + int(random.integers(_FRAGMENT_WORDS))]
        elif kind == "board":
            chosen = pick(self.boards)
        elif kind == "joined":
            chosen = [*query, " ", *pick(self.boards or self.titles)]
        else:
            chosen = query
        return " ".join("".join((chosen or query)[:_WORDS]).split())


def read_texts(data: Path, seed: int) -> QueryTexts:
    """Read the texts of a data stage's folder; queries of the test split are left out.

    Where no judged query is set apart for validation, a twentieth of the queries is.

    Raises:
        DatasetError: if there is no query to learn from.
    """
    judged = read_table(data, JUDGMENTS)
    split = {
        name: set(judged.filter(pl.col("split") == name)["query"])
        for name in ("validation", "test")
    }
    logged = set(read_table(data, QUERY_LOG)["query"]) | set(judged["query"])
    queries = sorted(logged - split["test"] - split["validation"])
    held_out = sorted(split["validation"])
    if not held_out:
        order = np.random.default_rng(seed).permutation(len(queries))
        apart = set(order[: max(1, len(queries) // 20)].tolist())
        held_out = [query for row, query in enumerate(queries) if row in apart]
        queries = [query for row, query in enumerate(queries) if row not in apart]
    if not queries or not held_out:
        raise DatasetError(
            f"{data} holds {len(queries)} queries to learn from and {len(held_out)} to measure on; "
            "a cut query encoder needs both. Give a dataset with a query log or judgments."
        )
    pins = read_table(data, PINS)
    boards = pins["board_titles"].explode().drop_nulls().unique().sort()
    passages = [*pins["caption"], *pins["description"]]
    return QueryTexts(
        queries=queries,
        held_out=held_out,
        titles=_filled(pins["title"].to_list()),
        passages=_filled(passages),
        boards=_filled(boards.to_list()),
    )


def _filled(texts: Sequence[str | None]) -> list[str]:
    return [text for text in texts if text and text.strip()]
