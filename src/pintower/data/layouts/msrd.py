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

import polars as pl

from pintower.data.checks import as_text, check_queries, require
from pintower.data.delimited import read_tsv
from pintower.data.jsonl import read_jsonl
from pintower.data.layouts.layout import Layout, PublicTables
from pintower.data.layouts.rows import known_pins_only, standing, to_levels

__all__ = ["MSRD"]

_LEVELS = {"0": 1, "1": 5}
_CORPUS = (
    "id", "title", "overview", "tags", "genres", "director", "actors", "characters", "year",
    "votes", "rating", "popularity",
)  # fmt: skip
_JUDGMENTS = ("query", "doc_id", "grade")
_STANDING = ("votes", "rating", "popularity")
_COUNTS = ("votes", "popularity")
_CAST = 5
"""Actors and characters named in a movie's line; the first are the leads."""


def _read(files: Mapping[str, Path]) -> PublicTables:
    pins = _pins(files["pins"])
    path = files["judgments"]
    rows = read_tsv(path)
    require(rows, _JUDGMENTS, path)
    check_queries(rows, path)
    levels = to_levels(rows, "grade", _LEVELS, path)
    pairs = rows.select("query", pl.col("doc_id").alias("pin_id"), levels)
    judgments = known_pins_only(pairs, pins, path)
    return PublicTables(pins, judgments, impressions=judgments.select("query", "pin_id"))


def _pins(path: Path) -> pl.DataFrame:
    movies = read_jsonl(path, _CORPUS, others=False)
    require(movies, _CORPUS, path)
    line = pl.struct("year", "genres", "director", "actors", "characters")
    return movies.select(
        as_text(movies, "id", path).alias("pin_id"),
        "title",
        pl.col("overview").alias("description"),
        line.map_elements(_line, return_dtype=pl.String).alias("caption"),
        pl.col("tags").alias("board_titles"),
        standing(movies, _STANDING, _COUNTS, path),
    )


def _line(movie: Mapping[str, object]) -> str:
    """Return "1999 Science Fiction. Keanu Reeves, .... Neo, .... Lana Wachowski"."""
    year = "" if movie["year"] is None else str(movie["year"])
    parts = [
        " ".join([year, *_names(movie["genres"], _CAST)]).strip(),
        ", ".join(_names(movie["actors"], _CAST)),
        ", ".join(_names(movie["characters"], _CAST)),
        str(movie["director"] or ""),
    ]
    return ". ".join(part for part in parts if part)


def _names(values: object, most: int) -> list[str]:
    listed = values if isinstance(values, list) else []
    return [str(value) for value in listed[:most] if value]


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
