"""Real queries: what is encoded, what is measured at an exact length, what calibrates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from tokenizers import Tokenizer

from pintower.errors import DatasetError
from pintower.text.rendering import Rendering, render_query

__all__ = ["Queries", "Query", "cycle_from", "read_queries"]

CALIBRATION = 300


@dataclass(frozen=True)
class Query:
    """One query.

    Attributes:
        text: as the log has it.
        rendered: as an encoder is to see it.
        ids: its tokens, special ones included.
    """

    text: str
    rendered: str
    ids: list[int]


@dataclass(frozen=True)
class Queries:
    """The queries of a data folder, each list distinct and in random order.

    Attributes:
        stream: of any length; texts and fidelity are measured on these.
        of_length: by their exact number of tokens, those outside the training split first; may
            hold none for a length.
        calibration: training queries, none of them in the stream.
    """

    stream: Sequence[Query]
    of_length: dict[int, Sequence[Query]]
    calibration: Sequence[Query]


def read_queries(
    data: Path, rules: Rendering, tokenizer: Tokenizer, lengths: Sequence[int]
) -> Queries:
    """Read a data folder's distinct queries.

    The stream holds the judged queries outside the training split, the calibration the others;
    where one of the two is empty, it gets a fifth of the other's. Exact lengths take any query:
    long ones are rare, and speed does not depend on what a model has seen.

    Raises:
        DatasetError: if a table is missing or there are too few queries.
    """
    judged = _read(data / "judgments.parquet").select("query", "split")
    held = set(judged.filter(pl.col("split") != "train")["query"])
    known = set(judged["query"]) | set(_read(data / "query_log.parquet")["query"])
    random = np.random.default_rng(0)

    def shuffled(texts: set[str]) -> list[Query]:
        rendered = {text: render_query(text, rules) for text in sorted(texts)}
        queries = [
            Query(text, shown, tokenizer.encode(shown).ids) for text, shown in rendered.items()
        ]
        return [queries[place] for place in random.permutation(len(queries))]

    measured, training = shuffled(held), shuffled(known - held)
    if not training:
        training, measured = measured[::5], [q for n, q in enumerate(measured) if n % 5]
    elif not measured:
        measured, training = training[::5], [q for n, q in enumerate(training) if n % 5]
    if not measured or not training:
        raise DatasetError(f"{data} holds {len(known)} queries, too few to measure and calibrate.")
    everything = (*measured, *training)
    return Queries(
        stream=measured,
        of_length={n: [query for query in everything if len(query.ids) == n] for n in lengths},
        calibration=training[:CALIBRATION],
    )


def cycle_from(queries: Sequence[Query], start: int, count: int) -> Iterator[Query]:
    """Yield ``count`` queries from place ``start`` on, from the beginning again at the end."""
    for place in range(start, start + count):
        yield queries[place % len(queries)]


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise DatasetError(f"{path} does not exist; --data takes a pipeline's data folder.")
    return pl.read_parquet(path)
