"""Pins and queries that a student's graphs are calibrated on, and those they are compared on.

Which ones they are follows from hashes of ids and texts, so that a new or changed pin moves no
other one. The student keeps what was drawn when it was made
(:mod:`pintower.models.calibration`).
"""

from collections.abc import Collection, Iterable
from pathlib import Path

import polars as pl

from pintower.config import DataConfig
from pintower.data.draws import in_drawn_order
from pintower.data.splits import assign_splits, held_out_queries, normal_forms
from pintower.data.tables import PINS, QUERIES
from pintower.errors import DatasetError

__all__ = ["CALIBRATION", "draw_calibration", "write_calibration"]

CALIBRATION = "calibration"
"""The folder in that of the data stage: a table of pins and one of queries."""

_CALIBRATED = 1_024
_COMPARED = 4_000
"""Rows looked at to find texts of every length."""
_ENOUGH = 500
"""Fewer than these to compare on are made up by those that were calibrated on."""


def write_calibration(
    folder: Path,
    pins: pl.DataFrame,
    judgments: pl.DataFrame,
    query_log: pl.DataFrame,
    queries: pl.DataFrame,
) -> None:
    """Write ``calibration/pins.parquet`` and ``calibration/queries.parquet``.

    Args:
        folder: of the data stage.
        pins: the pins table.
        judgments: with their splits.
        query_log: or what stands in for it.
        queries: the table of feature vectors, empty where there are none.
    """
    place = folder / CALIBRATION
    place.mkdir()
    for name, table in draw_calibration(pins, judgments, query_log, queries).items():
        table.write_parquet(place / f"{name}.parquet")


def draw_calibration(
    pins: pl.DataFrame,
    judgments: pl.DataFrame,
    query_log: pl.DataFrame,
    queries: pl.DataFrame,
) -> dict[str, pl.DataFrame]:
    """Return tables ``pins`` and ``queries`` of rows marked ``calibrate`` or ``compare``.

    No query that is held out is calibrated on: neither one outside the training split, nor one that
    the usual shares would put there, as ``pintower build`` splits a dataset. Where no logged query
    is left, titles of pins stand in.

    Raises:
        DatasetError: if there is no pin.
    """
    if pins.is_empty():
        raise DatasetError("The dataset holds no pins, so there is nothing to calibrate graphs on.")
    logged = query_log["query"].unique().to_list()
    free = set(logged) - _held_out(logged, judgments)
    if not free:
        held = held_out_queries(judgments)
        titles = pins["title"].unique().to_list()
        forms = normal_forms(titles)
        free = {title for title in titles if title and forms[title] not in held}
    chosen = _marked("query", free, [*logged, *free])
    return {
        PINS: _marked("pin_id", pins["pin_id"], pins["pin_id"]).join(
            pins, on="pin_id", maintain_order="left"
        ),
        QUERIES: _with_vectors(chosen, queries),
    }


def _held_out(logged: list[str], judgments: pl.DataFrame) -> set[str]:
    """Return the logged queries that are held out, or would be by the usual shares."""
    usual = DataConfig()
    judged = set(normal_forms(judgments["query"].unique()).values())
    places = assign_splits(
        judged,
        seed=usual.seed,
        validation_share=usual.validation_share,
        test_share=usual.test_share,
    )
    held = {form for form, split in places.items() if split != "train"}
    held |= held_out_queries(judgments)
    return {query for query, form in normal_forms(logged).items() if form in held}


def _marked(name: str, free: Iterable[str], others: Iterable[str]) -> pl.DataFrame:
    """Return ``name``, ``calibrate`` and ``compare``, in the order of the hashes.

    Args:
        name: of the column of values.
        free: values that may be calibrated on.
        others: all values.
    """
    calibrated = in_drawn_order(free)[:_CALIBRATED]
    rest = _without(others, calibrated)[:_COMPARED]
    compared = rest if len(rest) >= _ENOUGH else [*rest, *calibrated][:_COMPARED]
    values = list(dict.fromkeys([*calibrated, *compared]))
    marks = {"calibrate": set(calibrated), "compare": set(compared)}
    columns = {mark: [value in held for value in values] for mark, held in marks.items()}
    return pl.DataFrame({name: pl.Series(values, dtype=pl.String), **columns})


def _without(values: Iterable[str], left_out: Collection[str]) -> list[str]:
    gone = set(left_out)
    return in_drawn_order(value for value in values if value not in gone)


def _with_vectors(chosen: pl.DataFrame, queries: pl.DataFrame) -> pl.DataFrame:
    """Add the feature vectors of the queries, null where there are none."""
    if queries.is_empty():
        return chosen
    form = pl.col("query").replace_strict(
        normal_forms([*queries["query"], *chosen["query"]]), return_dtype=pl.String
    )
    known = queries.with_columns(form.alias("form")).drop("query")
    rows = chosen.with_columns(form.alias("form"))
    return rows.join(known, on="form", how="left", maintain_order="left").drop("form")
