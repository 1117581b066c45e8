"""What the readers of public layouts share: labels, numbers and pairs, held to what is allowed."""

import logging
from collections.abc import Collection

import polars as pl

from pintower.data.checks import rows_where
from pintower.data.columns import one_of
from pintower.data.kinds import Kind
from pintower.data.origin import Origin, Rows
from pintower.errors import DatasetError

__all__ = ["known_pins_only", "label", "refuse_unknown", "standing"]

_log = logging.getLogger(__name__)


def label(words: Collection[str]) -> Kind:
    """Return the kind of a column of upstream labels, of which every row has one."""
    return one_of(words, "The file is damaged or of another dataset")


def refuse_unknown(rows: Rows, columns: Collection[str], known: pl.DataFrame, name: str) -> None:
    """Refuse rows about something that the file which lists such things lacks.

    Upstream's files agree, so either of the two was cut off or is of another release.

    Args:
        rows: that name a thing.
        columns: the columns that identify the thing, in both tables.
        known: the things.
        name: of the file of the things, for messages.

    Raises:
        DatasetError: naming the first such row and what it names.
    """
    listed = known.select(columns).unique().with_columns(pl.lit(True).alias("listed"))
    frame = rows.frame.select(columns)
    found = frame.join(listed, on=list(columns), how="left", maintain_order="left")
    if lost := rows_where(found, pl.col("listed").is_null()):
        named = ", ".join(f"{column} {frame[column][lost[0] - 1]!r}" for column in columns)
        raise DatasetError(
            f"{rows.origin.at(lost[0])}: {named} is not in {name} ({len(lost)} such rows of "
            f"{len(frame)}). Both files must be whole and of one release; download them again."
        )


def known_pins_only(pairs: Rows, pins: Rows) -> Rows:
    """Return the pairs whose pin is in the catalogue; the others are counted in the log.

    Args:
        pairs: with ``pin_id``, checked, since what is left of them has no places any more.
        pins: the catalogue.

    Raises:
        DatasetError: if no pair is left.
    """
    frame, origin = pairs.frame, pairs.origin
    known = frame.join(pins.frame.select("pin_id"), on="pin_id", how="semi", maintain_order="left")
    if known.is_empty():
        raise DatasetError(
            f"{origin}: none of the {len(frame)} pairs names a pin of the catalogue; both files "
            "must come from the same release of the dataset."
        )
    if lost := len(frame) - len(known):
        _log.warning(
            "%s: %d of %d pairs name pins that the catalogue lacks; left out",
            origin, lost, len(frame),
        )  # fmt: skip
    return Rows(known, Origin(origin.path))


def standing(frame: pl.DataFrame, columns: Collection[str], counts: Collection[str]) -> pl.Series:
    """Return a feature vector of what people thought of each pin; 0 where a number is missing.

    Args:
        frame: rows with amounts.
        columns: of amounts, in the order of the vector.
        counts: those of them that count something, of which the logarithm is taken.
    """
    amounts = frame.select(pl.col(name).fill_null(0.0) for name in columns)
    vectors = pl.concat_list(
        pl.col(name).log1p() if name in counts else pl.col(name) for name in columns
    )
    return amounts.select(vectors.cast(pl.List(pl.Float32())).alias("standing"))["standing"]
