"""What the readers of public layouts share: labels, numbers and pairs, held to what is allowed."""

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

import polars as pl

from pintower.data.checks import as_numbers, rows_where
from pintower.errors import DatasetError

__all__ = ["known_pins_only", "refuse_others", "refuse_unknown", "standing", "to_levels"]

_log = logging.getLogger(__name__)


def to_levels(frame: pl.DataFrame, column: str, levels: Mapping[str, int], path: Path) -> pl.Series:
    """Return the levels INT8 [N] that a column of upstream labels means.

    Raises:
        DatasetError: naming the first row with another label, and the labels that are allowed.
    """
    labels = refuse_others(frame, column, levels, path)
    return labels.replace_strict(levels, return_dtype=pl.Int8).alias("level")


def refuse_others(
    frame: pl.DataFrame, column: str, allowed: Collection[str], path: Path
) -> pl.Series:
    """Return a column that holds a few known words only, without blanks around them.

    Raises:
        DatasetError: naming the first row with another word, and the words that are allowed.
    """
    words = frame[column].cast(pl.String).str.strip_chars()
    known = pl.col(column).is_in(list(allowed)).fill_null(False)
    if rows := rows_where(words.to_frame(), ~known):
        raise DatasetError(
            f"{path}, row {rows[0]}: {column} {frame[column][rows[0] - 1]!r} ({len(rows)} such "
            f"rows); allowed are {', '.join(allowed)}. The file is damaged or of another dataset."
        )
    return words


def refuse_unknown(
    frame: pl.DataFrame, columns: Collection[str], known: pl.DataFrame, path: Path, source: Path
) -> None:
    """Refuse rows about something that the file which lists such things lacks.

    Upstream's files agree, so either of the two was cut off or is of another release.

    Args:
        frame: raw rows.
        columns: the columns that identify the thing, in both tables.
        known: the things.
        path: the file of the rows, for messages.
        source: the file of the things, for messages.

    Raises:
        DatasetError: naming the first such row and what it names.
    """
    listed = known.select(columns).unique().with_columns(pl.lit(True).alias("listed"))
    found = frame.select(columns).join(listed, on=list(columns), how="left", maintain_order="left")
    if rows := rows_where(found, pl.col("listed").is_null()):
        named = ", ".join(f"{name} {frame[name][rows[0] - 1]!r}" for name in columns)
        raise DatasetError(
            f"{path}, row {rows[0]}: {named} is not in {source.name} ({len(rows)} such rows of "
            f"{len(frame)}). Both files must be whole and of one release; download them again."
        )


def known_pins_only(pairs: pl.DataFrame, pins: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Return the pairs whose pin is in the catalogue; the others are counted in the log.

    Raises:
        DatasetError: if no pair is left.
    """
    known = pairs.join(pins.select("pin_id"), on="pin_id", how="semi", maintain_order="left")
    if known.is_empty():
        raise DatasetError(
            f"{path}: none of the {len(pairs)} pairs names a pin of the catalogue; both files must "
            "come from the same release of the dataset."
        )
    if lost := len(pairs) - len(known):
        _log.warning(
            "%s: %d of %d pairs name pins that the catalogue lacks; left out",
            path, lost, len(pairs),
        )  # fmt: skip
    return known


def standing(
    frame: pl.DataFrame, columns: Collection[str], counts: Collection[str], path: Path
) -> pl.Series:
    """Return a feature vector of what people thought of each pin; 0 where a number is missing.

    Args:
        frame: raw rows.
        columns: of numbers from 0, in the order of the vector.
        counts: those of them that count something, of which the logarithm is taken.
        path: the file, for messages.

    Raises:
        DatasetError: naming the first row that holds anything else.
    """
    vectors = pl.concat_list(
        pl.col(name).log1p() if name in counts else pl.col(name) for name in columns
    )
    numbers = pl.DataFrame([_numbers(frame, name, path) for name in columns])
    return numbers.select(vectors.cast(pl.List(pl.Float32())).alias("standing"))["standing"]


def _numbers(frame: pl.DataFrame, name: str, path: Path) -> pl.Series:
    numbers = as_numbers(frame, name).alias("number")
    given = pl.col("given").is_not_null()
    if frame.schema[name] == pl.String:
        given &= pl.col("given").str.strip_chars() != ""
    right = (pl.col("number").is_finite() & (pl.col("number") >= 0)).fill_null(False)
    table = pl.DataFrame([frame[name].alias("given"), numbers])
    if rows := rows_where(table, given & ~right):
        raise DatasetError(
            f"{path}, row {rows[0]}: {name} {frame[name][rows[0] - 1]!r}; a number from 0 or "
            "nothing is expected."
        )
    return numbers.fill_null(0.0).alias(name)
