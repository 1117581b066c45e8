"""Writing a student's ``calibration/`` from what the data stage drew."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.data.calibration import CALIBRATION
from pintower.data.tables import PINS, QUERIES, read_table
from pintower.errors import SetupError
from pintower.models.calibration import EncoderTexts, describe_calibration
from pintower.models.layout import StudentLayout
from pintower.models.pin_inputs import (
    feature_matrix,
    pin_texts,
    spread_over_lengths,
    vector_matrix,
)
from pintower.models.student import Student, load_student
from pintower.models.tokenization import load_tokenizer
from pintower.text.rendering import PIN_SOURCES, render_query

__all__ = ["ensure_calibration", "freeze_calibration"]

logger = logging.getLogger(__name__)

_COMPARED = 500
_SEED = 7


def ensure_calibration(folder: Path, data: Path) -> None:
    """Give a student folder without ``calibration/`` one, drawn from a data stage's folder.

    Raises:
        SetupError: if the student folder cannot be written.
        DatasetError: if the data lacks a feature column that an encoder takes.
        StudentError: if the student cannot be loaded.
    """
    place = StudentLayout(folder).calibration
    if place.is_dir():
        return
    student = load_student(folder)
    partial = place.with_name(f".{CALIBRATION}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        _write(student, data, partial)
        partial.rename(place)
    except OSError as error:
        raise SetupError(
            f"{folder} has no {CALIBRATION}/, and it cannot be written there: {error.strerror}. "
            "What the graphs are calibrated on is kept beside the student, so that a later build "
            f"gives the same graphs. Make {folder} writable, or copy it to a place that is, and "
            "give the copy."
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    logger.info(
        "%s had no %s/: it was drawn from this dataset and is kept there, so that later builds "
        "give the same graphs",
        folder, CALIBRATION,
    )  # fmt: skip


def freeze_calibration(student: Student, data: Path) -> None:
    """Write a new student's ``calibration/``, where the data folder has one to draw from.

    Args:
        student: its folder holds tokenizers and rendering.
        data: of the data stage.
    """
    if (data / CALIBRATION).is_dir():
        shutil.rmtree(student.layout.calibration, ignore_errors=True)  # a killed run's
        student.layout.calibration.mkdir()
        _write(student, data, student.layout.calibration)


def _write(student: Student, data: Path, folder: Path) -> None:
    """Render what was drawn for a student, and write it to an empty folder."""
    rendering, layout = student.rendering, student.layout
    drawn = data / CALIBRATION
    pins, queries = read_table(drawn, PINS), read_table(drawn, QUERIES)
    typed = queries["query"].to_list()
    rendered = [render_query(query, rendering) for query in typed]
    asked = _Drawn(queries, rendered, _query_features(queries, student.query_columns))
    asked.calibrated().save(folder / "queries.parquet")
    tokenizer = load_tokenizer(layout.query_encoder, rendering.query_max_tokens)
    rows = asked.compared(tokenizer.encode_batch_fast(rendered))
    _Drawn(queries, typed, asked.features).at(rows).save(folder / "compared_queries.parquet")

    shown = _Drawn(
        pins,
        pin_texts(pins, rendering),
        feature_matrix(pins.drop("calibrate", "compare"), student.columns),
    )
    shown.calibrated().save(folder / "pins.parquet")
    tokenizer = load_tokenizer(layout.pin_encoder, rendering.pin_max_tokens)
    rows = shown.compared(tokenizer.encode_batch_fast(shown.texts))
    kept = ["pin_id", *PIN_SOURCES, *(str(column["name"]) for column in student.columns)]
    kept += ["language"] if "language" in pins.columns else []
    pins.select(kept)[rows].write_parquet(folder / "compared_pins.parquet")
    describe_calibration(folder)


@dataclass(frozen=True)
class _Drawn:
    """Rows of a table of what was drawn, with their texts and feature vectors."""

    table: pl.DataFrame
    texts: list[str]
    features: NDArray[np.float32] | None

    def at(self, rows: Sequence[int] | NDArray[np.int64]) -> EncoderTexts:
        """Return some rows."""
        features = None if self.features is None else self.features[rows]
        return EncoderTexts([self.texts[row] for row in rows], features)

    def calibrated(self) -> EncoderTexts:
        """Return the rows to calibrate on."""
        return self.at(self.table["calibrate"].arg_true().to_numpy())

    def compared(self, encodings: Sequence[Any]) -> NDArray[np.int64]:
        """Return rows to compare on that cover the lengths in tokens evenly."""
        free = self.table["compare"].arg_true().to_numpy()
        lengths = [len(encodings[row]) for row in free]
        chosen: NDArray[np.int64] = free[spread_over_lengths(lengths, _COMPARED, _SEED)]
        return chosen


def _query_features(
    queries: pl.DataFrame, columns: Sequence[Mapping[str, Any]]
) -> NDArray[np.float32] | None:
    """Return the queries' feature vectors; zeros where the dataset has none of any query."""
    if not columns:
        return None
    if any(column["name"] in queries.columns for column in columns):
        return vector_matrix(queries, columns, of="query")
    return np.zeros(
        (len(queries), sum(int(column["width"]) for column in columns)), dtype=np.float32
    )
