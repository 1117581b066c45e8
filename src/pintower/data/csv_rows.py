"""Rows of a text whose fields are in quotes where they need it, each with its line.

A quote that opens a field ends with the next single quote; inside, two quotes stand for one and
line breaks are text. A quote anywhere else is an ordinary character.
"""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from itertools import chain
from pathlib import Path

from pintower.errors import DatasetError

__all__ = ["backslash", "csv_rows"]

_END = "\0end of the file"
"""A line put after the last one: it comes out as a row of its own unless a quote is still open."""


def csv_rows(path: Path, text: str, separator: str, *, strict: bool) -> list[tuple[int, list[str]]]:
    """Return the rows that are not blank, each with the line it begins on.

    Args:
        path: of the file, for messages.
        text: that it holds.
        separator: the character between two fields.
        strict: refuse a field that goes on behind its closing quote.

    Raises:
        DatasetError: if a quote never ends, or a backslash stands before one where two are wanted.
    """
    with _any_length():
        return list(_numbered(path, text, separator, strict=strict))


def _numbered(
    path: Path, text: str, separator: str, *, strict: bool
) -> Iterator[tuple[int, list[str]]]:
    taken: list[str] = []
    lines = chain(_kept(StringIO(text, newline=""), taken), [_END])
    reader = csv.reader(lines, delimiter=separator, strict=strict)
    line = 1
    try:
        while (row := next(reader)) != [_END]:
            if row and row[-1].endswith(_END):
                raise csv.Error("a quoted field never ends")
            _refuse_backslash(path, line, "".join(taken), separator)
            if any(field.strip() for field in row):
                yield line, row
            line = reader.line_num + 1
            taken.clear()
    except csv.Error as error:
        _refuse_backslash(path, line, taken[0] if taken else "", separator)
        raise DatasetError(
            f"{path}, line {line}: {error}. A quote is missing in this row or the file is cut "
            "off; write it again."
        ) from None


def _kept(lines: Iterator[str], taken: list[str]) -> Iterator[str]:
    """Yield lines and put each of them into a list too."""
    for line in lines:
        taken.append(line)
        yield line


def _refuse_backslash(path: Path, line: int, raw: str, separator: str) -> None:
    """Refuse a row in which a backslash stands before a quote that ends no field."""
    if '\\"' not in raw:
        return
    try:
        for _ in csv.reader(StringIO(raw, newline=""), delimiter=separator, strict=True):
            pass
    except csv.Error:
        raise backslash(path, line, raw.strip()) from None


def backslash(path: Path, line: int, text: str) -> DatasetError:
    """Return the refusal of a text in which a backslash stands before a quote."""
    return DatasetError(
        f"{path}, line {line}: a backslash before a quote in {text[:60]}; in a quoted field a "
        'quote is doubled: "15"" laptop stand".'
    )


@contextmanager
def _any_length() -> Iterator[None]:
    """Let a field be of any length; the csv module's own limit is 131,072 characters."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)
