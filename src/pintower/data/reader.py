"""Reads a dataset folder: what a user brings, or what the synthetic generator wrote.

    tables = read_dataset(Path("my-catalogue"))

The folder holds ``pins`` and, in formats listed in :data:`pintower.data.files.ENDINGS`,
``judgments``, ``impressions``, ``query_log`` and ``queries``; or it is a public dataset as it was
downloaded, see :mod:`pintower.data.layouts`.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from pintower.artifacts import hash_file, hash_json
from pintower.data.files import ENDINGS, find_file, read_rows, require_bytes
from pintower.data.layouts import LAYOUTS, Layout, find_layout
from pintower.data.pairs import clean_impressions, clean_judgments, clean_query_log
from pintower.data.pins import clean_pins
from pintower.data.queries import clean_queries
from pintower.data.tables import IMPRESSIONS, JUDGMENTS, PINS, QUERIES, QUERY_LOG, SCHEMAS, empty
from pintower.errors import DatasetError

__all__ = ["Dataset", "fingerprint", "read_dataset"]

_log = logging.getLogger(__name__)

_ALIKE = 0.75
"""Likeness (difflib's ratio) from which a file's name is taken for a table's, misspelt."""


@dataclass(frozen=True)
class Dataset:
    """The tables of a dataset folder, checked and in their schemas.

    Attributes:
        pins: one row a pin.
        judgments: one row a query and pin; ``split`` is null where the user gave none.
        impressions: empty where the folder has none.
        query_log: requests in arrival order, empty where the folder has none.
        queries: feature vectors of queries, empty where the folder has none.
        layout: the name of the public dataset that the folder holds as it was downloaded.
    """

    pins: pl.DataFrame
    judgments: pl.DataFrame
    impressions: pl.DataFrame
    query_log: pl.DataFrame
    queries: pl.DataFrame
    layout: str | None = None


def read_dataset(
    folder: Path,
    *,
    feature_columns: Collection[str] | None = None,
    judgments_required: bool = True,
    seed: int = 7,
) -> Dataset:
    """Read and check a dataset folder.

    Args:
        folder: the dataset folder.
        feature_columns: vector columns to keep; None keeps every list-of-floats column.
        judgments_required: refuse a folder without judgments. Training needs them, serving a
            finished student needs pins only.
        seed: orders a query log that has counts and no timestamps.

    Raises:
        DatasetError: if a file is missing, broken, or breaks a rule of the dataset folder.
    """
    if (public := _find_public(folder)) is not None:
        return _read_public(*public, feature_columns)
    _refuse_unread(folder)
    path = _required(folder, PINS)
    pins = clean_pins(read_rows(path, PINS, feature_columns or ()), feature_columns)
    judged = _required(folder, JUDGMENTS) if judgments_required else find_file(folder, JUDGMENTS)
    shown = find_file(folder, IMPRESSIONS)
    logged = find_file(folder, QUERY_LOG)
    described = find_file(folder, QUERIES)
    return Dataset(
        pins=pins,
        judgments=clean_judgments(read_rows(judged, JUDGMENTS), pins)
        if judged
        else empty(JUDGMENTS),
        impressions=clean_impressions(read_rows(shown, IMPRESSIONS), pins)
        if shown
        else empty(IMPRESSIONS),
        query_log=clean_query_log(read_rows(logged, QUERY_LOG), seed)
        if logged
        else empty(QUERY_LOG),
        queries=clean_queries(read_rows(described, QUERIES)) if described else empty(QUERIES),
    )


def _refuse_unread(folder: Path) -> None:
    """Refuse a table in a format or under a name that is not read, rather than leave it out."""
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        name, _, ending = entry.name.partition(".")
        if entry.is_dir() and not ending:
            continue
        if name in SCHEMAS and not entry.exists():
            raise DatasetError(f"{entry} is a link to nothing. Mend it, or take it away.")
        if name in SCHEMAS and ending in ENDINGS:
            continue
        alike = get_close_matches(name.lower().replace("-", "_"), SCHEMAS, 1, _ALIKE)
        if alike and not find_file(folder, alike[0]):
            remedy = "Convert it" if name in SCHEMAS else "Rename it"
            raise DatasetError(
                f"{entry} is not read: {alike[0]} can be {_names(alike[0])}. {remedy}, or take it "
                "out of the folder."
            )


def _find_public(folder: Path) -> tuple[Layout, dict[str, Path]] | None:
    """Return the public layout of a folder; one that holds pins is the user's own."""
    if not folder.is_dir() or find_file(folder, PINS) is not None:
        return None
    return find_layout(folder, LAYOUTS)


def _read_public(
    layout: Layout, files: Mapping[str, Path], feature_columns: Collection[str] | None
) -> Dataset:
    """Read a public dataset and hold its tables to the same rules as a user's own."""
    for path in files.values():
        require_bytes(path)
    tables = layout.read(files)
    _log.info("%s has the layout of %s", files[PINS].parent, layout.name)
    if tables.judgments.frame.is_empty():
        raise DatasetError(
            f"{files[JUDGMENTS]} holds no rows; download it again from {layout.source}."
        )
    pins = clean_pins(tables.pins, feature_columns)
    shown = tables.impressions
    return Dataset(
        pins=pins,
        judgments=clean_judgments(tables.judgments, pins),
        impressions=empty(IMPRESSIONS) if shown is None else clean_impressions(shown, pins),
        query_log=empty(QUERY_LOG),
        queries=empty(QUERIES),
        layout=layout.name,
    )


def fingerprint(path: Path) -> str:
    """Return a hash over the names and bytes of a dataset folder's tables.

    Raises:
        DatasetError: if the folder is missing or holds a table twice.
    """
    if (public := _find_public(path)) is not None:
        return hash_json({file.name: hash_file(file) for file in public[1].values()})
    found = [find_file(path, table) for table in SCHEMAS]
    return hash_json({file.name: hash_file(file) for file in found if file is not None})


def _required(folder: Path, table: str) -> Path:
    path = find_file(folder, table)
    if path is None:
        held = sorted(entry.name for entry in folder.iterdir())
        public = ", ".join(layout.name for layout in LAYOUTS)
        raise DatasetError(
            f"{folder} holds no {table}: {_names(table)} is needed, or the files of a public "
            f"dataset ({public}) as downloaded; found: {', '.join(held) or 'nothing'}."
        )
    return path


def _names(table: str) -> str:
    return " or ".join(f"{table}.{ending}" for ending in ENDINGS)
