"""MSRD, the Movie Search Ranking Dataset: crowd judgments of movies, relevant or not.

Metarank's dataset (github.com/metarank/msrd) in the form that Elastic gave it:

    movies-corpus.jsonl.gz      id, title, overview, tags, genres, director, actors, characters,
                                year, votes, rating, popularity
    movies-judgments.tsv.gz     query_id, query, doc_id, grade (0 or 1)

The overview is a movie's description, user tags are what people file it under (its boards), and
a line of year, genres, cast and director stands where a picture's caption would. Votes, rating and
popularity become a feature vector. The judged pairs were all shown to somebody, so they count as
impressions too, without engagement: a judge's yes is no click.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pintower.data.checks import check_ids, check_queries, require
from pintower.data.columns import AMOUNT, IDENTIFIER, TEXT, TEXTS
from pintower.data.delimited import read_tsv
from pintower.data.jsonl import read_jsonl
from pintower.data.layouts.layout import Layout, PublicTables
from pintower.data.layouts.rows import known_pins_only, label, standing
from pintower.data.origin import Rows

__all__ = ["MSRD"]

_LEVELS = {"0": 1, "1": 5}
_STANDING = ("votes", "rating", "popularity")
_CORPUS = {
    "id": IDENTIFIER, "title": TEXT, "overview": TEXT, "tags": TEXTS, "genres": TEXTS,
    "director": TEXT, "actors": TEXTS, "characters": TEXTS, "year": IDENTIFIER,
    **dict.fromkeys(_STANDING, AMOUNT),
}  # fmt: skip
_JUDGMENTS = {"query": TEXT, "doc_id": IDENTIFIER, "grade": label(_LEVELS)}
_COUNTS = ("votes", "popularity")
_CAST = 5
"""Actors and characters named in a movie's line; the first are the leads."""


def _read(files: Mapping[str, Path]) -> PublicTables:
    pins = _pins(files["pins"])
    rows = read_tsv(files["judgments"], _JUDGMENTS)
    require(rows.frame.columns, _JUDGMENTS, rows.origin)
    pairs = rows.frame.select(
        "query",
        pl.col("doc_id").alias("pin_id"),
        pl.col("grade").replace_strict(_LEVELS, return_dtype=pl.Int8).alias("level"),
    )
    check_queries(pairs, rows.origin)
    check_ids(pairs, rows.origin)
    judgments = known_pins_only(Rows(pairs, rows.origin), pins)
    shown = judgments.frame.select("query", "pin_id")
    return PublicTables(pins, judgments, impressions=Rows(shown, judgments.origin))


def _pins(path: Path) -> Rows:
    rows = read_jsonl(path, _CORPUS, others=False)
    require(rows.frame.columns, _CORPUS, rows.origin)
    line = pl.struct("year", "genres", "director", "actors", "characters")
    pins = rows.frame.select(
        pl.col("id").alias("pin_id"),
        "title",
        pl.col("overview").alias("description"),
        line.map_elements(_line, return_dtype=pl.String).alias("caption"),
        pl.col("tags").alias("board_titles"),
        standing(rows.frame, _STANDING, _COUNTS),
    )
    return Rows(pins, rows.origin)


def _line(movie: Mapping[str, Any]) -> str:
    """Return "1999 Science Fiction. Keanu Reeves, .... Neo, .... Lana Wachowski"."""
    parts = [
        " ".join([movie["year"] or "", *_names(movie["genres"], _CAST)]).strip(),
        ", ".join(_names(movie["actors"], _CAST)),
        ", ".join(_names(movie["characters"], _CAST)),
        movie["director"] or "",
    ]
    return ". ".join(part for part in parts if part)


def _names(values: list[str] | None, most: int) -> list[str]:
    return (values or [])[:most]


MSRD = Layout(
    name="MSRD",
    source="https://github.com/elastic/elasticsearch-labs "
    "(notebooks/search/sample_data/learning-to-rank)",
    files={
        "pins": ("movies-corpus.jsonl.gz", "movies-corpus.jsonl"),
        "judgments": ("movies-judgments.tsv.gz", "movies-judgments.tsv"),
    },
    levels=_LEVELS,
    read=_read,
)
