"""The columns of each table, and of which kind the values of each are."""

import logging
import re
from collections.abc import Collection, Mapping

import polars as pl

from pintower.data.conversions import (
    as_amount,
    as_count,
    as_engagement,
    as_identifier,
    as_level,
    as_text,
    as_texts,
    as_time,
    as_vector,
    json_list,
)
from pintower.data.json_values import number_lists
from pintower.data.kinds import Kind, typed_series
from pintower.data.origin import Origin, Rows
from pintower.data.tables import IMPRESSIONS, JUDGMENTS, LEVELS, PINS, QUERIES, QUERY_LOG
from pintower.errors import DatasetError

__all__ = [
    "AMOUNT",
    "IDENTIFIER",
    "KINDS",
    "TEXT",
    "TEXTS",
    "VECTOR",
    "one_of",
    "refuse_other_spellings",
    "typed_rows",
    "warn_of_no_vector",
    "with_constants",
    "written_vectors",
]

_log = logging.getLogger(__name__)

TEXT = Kind("text is allowed, or null", pl.String(), as_text)
IDENTIFIER = Kind("text or a whole number is allowed", pl.String(), as_identifier)
TEXTS = Kind(
    'a list of texts, best first, is allowed, or null; in a .tsv or .csv as JSON: ["home", "red"]',
    pl.List(pl.String()),
    as_texts,
)
VECTOR = Kind("a list of numbers is allowed, or null", pl.List(pl.Float32()), as_vector)
AMOUNT = Kind("a number from 0 or nothing is expected", pl.Float64(), as_amount)
TIME = Kind(
    "seconds (not milliseconds) since the epoch or ISO 8601 (2026-01-31T12:00:00) are expected",
    pl.Int64(),
    as_time,
)
LEVEL = Kind(
    f"whole numbers from {LEVELS[0]} to {LEVELS[-1]} are allowed, {LEVELS[-1]} the most relevant",
    pl.Int8(),
    as_level,
    required=True,
)
COUNT = Kind("whole numbers from 1 are allowed", pl.Int64(), as_count, required=True)
ENGAGEMENT = Kind(
    "a word such as click or save, or 0 (none) or 1 (click), is allowed", pl.String(), as_engagement
)


def one_of(words: Collection[str], advice: str) -> Kind:
    """Return the kind of a column that holds a few words only, in every row one.

    Args:
        words: that are allowed.
        advice: the end of a message.
    """

    def convert(series: pl.Series) -> pl.Series | None:
        found = as_identifier(series)
        stripped = None if found is None else found.str.strip_chars()
        return None if stripped is None else stripped.set(~stripped.is_in(list(words)), None)

    return Kind(f"allowed are {', '.join(words)}. {advice}", pl.String(), convert, required=True)


_PAIR = {"query": TEXT, "pin_id": IDENTIFIER}
_PLACE = {"language": TEXT, "country": TEXT}

KINDS: dict[str, dict[str, Kind]] = {
    PINS: {
        "pin_id": IDENTIFIER,
        "title": TEXT,
        "description": TEXT,
        "caption": TEXT,
        "board_titles": TEXTS,
        "engaged_queries": TEXTS,
        **_PLACE,
        "updated_at": TIME,
    },
    JUDGMENTS: {**_PAIR, "level": LEVEL, **_PLACE, "split": TEXT},
    IMPRESSIONS: {**_PAIR, "timestamp": TIME, "engagement": ENGAGEMENT},
    QUERY_LOG: {"query": TEXT, "timestamp": TIME, "count": COUNT},
    QUERIES: {"query": TEXT},
}
"""The kind of each column that a table's file may have; others are feature vectors or unused."""


def typed_rows(frame: pl.DataFrame, kinds: Mapping[str, Kind], origin: Origin) -> Rows:
    """Return raw rows with every known column in its kind.

    Raises:
        DatasetError: naming the first row whose value is of another kind, or a column that is
            known under another spelling.
    """
    refuse_other_spellings(frame.columns, kinds, origin)
    known = [name for name in frame.columns if name in kinds]
    return Rows(
        frame.with_columns(typed_series(frame[name], kinds[name], origin) for name in known), origin
    )


def with_constants(rows: Rows, stated: Mapping[str, str | None], kinds: Mapping[str, Kind]) -> Rows:
    """Return rows with what is stated of all of them, where they say nothing themselves.

    Args:
        rows: with their known columns in their kinds.
        stated: a text for each column, such as the name of a partition's folder has.
        kinds: of the columns; others are left out.

    Raises:
        DatasetError: naming the first row that says something else, or a text of another kind.
    """
    refuse_other_spellings([*rows.frame.columns, *stated], kinds, rows.origin)
    frame = rows.frame
    for name in stated.keys() & kinds.keys():
        text = pl.Series(name, [stated[name]], dtype=pl.String())
        value = typed_series(text, kinds[name], Origin(rows.origin.path))
        same = value.gather([0] * len(frame))
        if name in frame.columns:
            own = frame[name]
            if other := (own.is_not_null() & (own != same).fill_null(False)).arg_true().to_list():
                raise DatasetError(
                    f"{rows.origin.at(other[0] + 1)}: {name} {own[other[0]]!r}, but the file lies "
                    f"in a folder {name}={stated[name]}. Correct the row, or rename the folder."
                )
            same = own.zip_with(own.is_not_null(), same)
        frame = frame.with_columns(same)
    return Rows(frame, rows.origin)


def refuse_other_spellings(
    columns: Collection[str], kinds: Collection[str], origin: Origin
) -> None:
    """Refuse a column such as "Title" or " title" where "title" is missing: its text would be lost.

    Raises:
        DatasetError: naming the column and how it is spelled.
    """
    folded = {name.strip().casefold().replace(" ", "_").replace("-", "_"): name for name in columns}
    for name in kinds:
        found = folded.get(name.casefold())
        if found is not None and name not in columns:
            raise DatasetError(
                f"{origin}: the column {found!r} must be spelled {name!r}; rename it."
            )


def written_vectors(series: pl.Series, origin: Origin) -> pl.Series | None:
    """Return the lists of numbers that a text column writes as JSON; None if it holds others.

    A column that begins like one and holds something else is left out with a warning.
    """
    given = series.drop_nulls()
    if given.is_empty() or not re.match(r"\s*\[\s*[-+.\d]", given[0]):
        return None
    lists, odd = number_lists(series.name, [json_list(text) or text for text in series])
    if odd is None:
        return lists
    warn_of_no_vector(series.name, series[odd], origin.at(odd + 1))
    return None


def warn_of_no_vector(name: str, value: object, place: str) -> None:
    """Warn of a column in which some rows hold lists of numbers, and one does not."""
    _log.warning(
        "%s: %s %.60r, where other rows hold a list of numbers; the column is not used",
        place, name, value,
    )  # fmt: skip
