"""Rows of a file, and where each of them stands in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["Origin", "Rows"]

_SHOWN = 5


@dataclass(frozen=True)
class Origin:
    """The place of some rows: their file and, where it has lines, the line of each.

    Attributes:
        path: of the file, for messages.
        lines: INT64 [N], the line on which each row begins, counted from 1; None for a file
            without lines.
        first: rows of the file before these.
    """

    path: Path | str
    lines: NDArray[np.int64] | None = None
    first: int = 0

    def __str__(self) -> str:
        return str(self.path)

    def at(self, row: int) -> str:
        """Return "pins.jsonl, row 3 (line 4)" for one of these rows, counted from 1."""
        line = "" if self.lines is None else f" (line {self.lines[row - 1]})"
        return f"{self.path}, row {self.first + row:,}{line}"

    def rows(self, numbers: Sequence[int]) -> str:
        """Return "rows 1, 2, 7, the first on line 2", of many rows the first few."""
        shown = ", ".join(f"{self.first + number}" for number in numbers[:_SHOWN])
        line = "" if self.lines is None else f", the first on line {self.lines[numbers[0] - 1]}"
        return f"rows {shown}{line}"


@dataclass(frozen=True)
class Rows:
    """Rows as a reader gives them: known columns in their types, any others as they are.

    Attributes:
        frame: one row a row of the file.
        origin: where the rows stand.
    """

    frame: pl.DataFrame
    origin: Origin
