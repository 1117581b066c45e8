"""What each stage reads of the data stage's folder: its view.

A view is a folder that holds the rows and columns a stage reads, and nothing else, so that the
stage can read nothing else. Its files have hashes; the stage runs again when one of them changes.
Rows of pins are in the order of their ids: the order of a catalogue counts for nothing.

Some of what a stage reads is *drawn*: the catalogue that candidates are searched in, the corpus
statistics, the texts to calibrate on. That is taken as it is when the stage runs, and kept: a
change of it alone runs nothing.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import polars as pl

from pintower.artifacts import hash_file, read_json
from pintower.data.calibration import CALIBRATION
from pintower.data.selection import Source
from pintower.data.tables import (
    DATASET,
    IMPRESSIONS,
    JUDGMENTS,
    MATCH_STATISTICS,
    PINS,
    QUERIES,
    QUERY_LOG,
    read_table,
)

__all__ = ["VIEWS", "View"]

_PINS, _JUDGMENTS, _IMPRESSIONS, _LOG, _QUERIES = (
    f"{name}.parquet" for name in (PINS, JUDGMENTS, IMPRESSIONS, QUERY_LOG, QUERIES)
)
_PAIR = ["query", "pin_id"]


Rows = Callable[[Source], pl.DataFrame | None]


@dataclass(frozen=True)
class View:
    """What a stage reads of the data.

    Attributes:
        rows: of tables, by file name.
        whole: files that are read as they are, where they are there.
        drawn: files and folders that are read as they are, and whose changes run nothing.
        columns: whether names and widths of the feature columns are read.
    """

    rows: Mapping[str, Rows] = field(default_factory=dict)
    whole: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()
    columns: bool = False

    def hashes(self, source: Source) -> dict[str, str]:
        """Return the SHA-256 of each file whose changes count."""
        found = {name: hashlib.sha256(made).hexdigest() for name, made in self._files(source)}
        there = [name for name in self.whole if (source.data / name).is_file()]
        return found | {name: hash_file(source.data / name) for name in there}

    def write(self, source: Source, folder: Path) -> None:
        """Write the view to an empty folder; what is read as it is becomes a link."""
        for name, made in self._files(source):
            if name not in self.drawn:
                (folder / name).write_bytes(made)
        for name in (*self.whole, *self.drawn):
            if (source.data / name).exists():
                (folder / name).symlink_to((source.data / name).resolve())

    def _files(self, source: Source) -> list[tuple[str, bytes]]:
        """Return names and bytes of the files that are made for the view."""
        tables = [(name, rows(source)) for name, rows in self.rows.items()]
        files = [(name, _parquet(table)) for name, table in tables if table is not None]
        if self.columns:
            told = read_json(source.data / DATASET)
            names = ("feature_columns", "query_feature_columns")
            kept = {name: told[name] for name in names if name in told}
            files.append((DATASET, json.dumps(kept).encode()))
        return files


def _parquet(table: pl.DataFrame) -> bytes:
    """Return a table's file; its bytes follow from its rows, however many threads made them."""
    file = BytesIO()
    table.rechunk().write_parquet(file)
    return file.getvalue()


def _judged(*splits: str) -> Rows:
    return lambda source: source.split(*splits).select(*_PAIR, "level", "split")


VIEWS: Mapping[str, View] = {
    "teacher": View(
        {
            _JUDGMENTS: _judged("train", "validation"),
            _PINS: lambda source: source.pins(source.split("train", "validation"), vectors=False),
        },
        drawn=(_PINS, MATCH_STATISTICS),
    ),
    "labels": View(
        {
            _JUDGMENTS: lambda source: source.judgments.select("query", "split").unique(
                maintain_order=True
            ),
            _IMPRESSIONS: lambda source: source.shown,
            _LOG: lambda source: source.asked,
            _PINS: lambda source: source.pins(source.labelled, vectors=False),
        },
        drawn=(_PINS,),
    ),
    "student": View(
        {
            _JUDGMENTS: _judged("train", "validation"),
            _PINS: lambda source: source.pins(source.trained_on, vectors=True),
            _QUERIES: lambda source: source.vectors(source.trained_on),
        },
        drawn=(_PINS, MATCH_STATISTICS, CALIBRATION),
        columns=True,
    ),
    "adopted student": View(
        {
            _JUDGMENTS: _judged("train"),
            _PINS: lambda source: source.pins(source.split("train"), vectors=True),
        },
        drawn=(_PINS, _LOG, MATCH_STATISTICS, CALIBRATION),
    ),
    "evaluation": View(
        {
            _JUDGMENTS: lambda source: source.judgments.select(
                *_PAIR, "level", "language", "country", "split"
            ),
            _PINS: lambda source: source.pins(source.split("train", "test"), vectors=True),
            _LOG: lambda source: read_table(source.data, QUERY_LOG).select("query").sort("query"),
            _QUERIES: lambda source: source.vectors(source.split("test")),
        },
        drawn=(_PINS,),
    ),
    "export": View(
        {
            _JUDGMENTS: lambda source: source.compared.select(*_PAIR, "level", "language", "split"),
            _PINS: lambda source: source.pins(source.compared, vectors=True),
            _QUERIES: lambda source: source.vectors(source.compared),
        }
    ),
    "pins": View(whole=(_PINS,)),
    "repository": View({_LOG: lambda source: source.asked.sort("query")}, whole=(_QUERIES,)),
    "bench": View(whole=(_LOG, _QUERIES)),
}
"""The view of each stage, by the name that :class:`pintower.stages.Stage` gives."""
