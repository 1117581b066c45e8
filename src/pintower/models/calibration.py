"""The ``calibration/`` part of a student folder: what its graphs are calibrated and compared on.

It is drawn once, when the student is made, so that an encoder's artifact depends on the student,
the target and the recipe, and on no catalogue that comes later.

queries.parquet           ``text``, as the query encoder sees it before tokenization, and
                          ``features`` (feature vectors end to end) where it takes them
pins.parquet              the same for the pin encoder
compared_queries.parquet  ``text`` as users type it, ``features``
compared_pins.parquet     rows of the pins table, ``language`` among the columns (not in folders of
                          earlier versions)
calibration.json          ``format``, and the SHA-256 of each file
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.artifacts import hash_files, read_json, write_json
from pintower.data.calibration import CALIBRATION
from pintower.errors import StudentError
from pintower.models.student import Student

__all__ = ["Calibration", "EncoderTexts", "describe_calibration"]

_FORMAT = 1
_NAME = "calibration.json"


@dataclass(frozen=True)
class EncoderTexts:
    """N texts with what an encoder takes beside them.

    Attributes:
        texts: N.
        features: feature vectors FP32 [N, W], where it takes any.
    """

    texts: list[str]
    features: NDArray[np.float32] | None

    def save(self, path: Path) -> None:
        """Write a table of columns ``text`` and, with feature vectors, ``features``."""
        columns = [pl.Series("text", self.texts, dtype=pl.String)]
        if self.features is not None:
            rows = self.features.tolist()
            columns.append(pl.Series("features", rows, dtype=pl.List(pl.Float32)))
        pl.DataFrame(columns).write_parquet(path)

    @classmethod
    def load(cls, path: Path, width: int) -> Self:
        """Read such a table.

        Args:
            path: of the table.
            width: of the feature vectors that the encoder takes; 0 where it takes none.

        Raises:
            StudentError: if it lacks them, or they are of another width.
        """
        table = pl.read_parquet(path, glob=False)
        if not width:
            return cls(table["text"].to_list(), None)
        given = table["features"].list.len().unique().to_list() if "features" in table else [0]
        if given not in ([], [width]):
            raise StudentError(
                f"{path} has feature vectors of width {given[0]}, the encoder takes {width}. "
                f"Remove {path.parent}; `pintower build` draws it again from its dataset."
            )
        features = np.array(table["features"].to_list(), dtype=np.float32).reshape(-1, width)
        return cls(table["text"].to_list(), features)


@dataclass(frozen=True)
class Calibration:
    """What a student's graphs are calibrated and compared on.

    Attributes:
        queries: rendered, to calibrate on; none of them held out.
        pins: rendered, to calibrate on.
        compared_queries: as users type them, of every length.
        compared_pins: rows of the pins table, of every length.
    """

    queries: EncoderTexts
    pins: EncoderTexts
    compared_queries: EncoderTexts
    compared_pins: pl.DataFrame

    @classmethod
    def load(cls, student: Student) -> Self:
        """Read a student's.

        Raises:
            StudentError: if it has none, or its files are not those that were drawn.
        """
        folder = student.layout.calibration
        if not (folder / _NAME).is_file():
            raise StudentError(
                f"{student.layout.root} has no {CALIBRATION}/, which its graphs are calibrated on. "
                "`pintower build` draws it from its dataset."
            )
        described = read_json(folder / _NAME)
        if described.get("format") != _FORMAT:
            raise StudentError(
                f"{folder / _NAME} has format {described.get('format')!r}; this version reads "
                f"format {_FORMAT}."
            )
        if described.get("files") != hash_files(folder, exclude=(_NAME,)):
            raise StudentError(
                f"The files in {folder} are not those that {_NAME} names. Remove the folder; "
                "`pintower build` draws it again from its dataset."
            )
        query_width, pin_width = _width(student.query_columns), _width(student.columns)
        return cls(
            queries=EncoderTexts.load(folder / "queries.parquet", query_width),
            pins=EncoderTexts.load(folder / "pins.parquet", pin_width),
            compared_queries=EncoderTexts.load(folder / "compared_queries.parquet", query_width),
            compared_pins=pl.read_parquet(folder / "compared_pins.parquet", glob=False),
        )


def describe_calibration(folder: Path) -> None:
    """Write ``calibration.json`` beside the other files."""
    write_json(folder / _NAME, {"format": _FORMAT, "files": hash_files(folder)})


def _width(columns: Sequence[Mapping[str, Any]]) -> int:
    return sum(int(column["width"]) for column in columns)
