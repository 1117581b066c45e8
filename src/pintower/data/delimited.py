"""Tables as delimited text: TSV without quoting, CSV with quoted fields.

Both come back as text columns, blank fields null, and every fault is told with its line.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator
from io import StringIO
from itertools import chain
from pathlib import Path

import polars as pl

from pintower.errors import DatasetError

__all__ = ["read_csv", "read_tsv"]

_END = "\0end of the file"
"""A line put after the last one: it comes out as a row of its own unless a quote is still open."""


def read_tsv(path: Path) -> pl.DataFrame:
    """Read a TSV, gzipped or not, as text columns: a header, tabs between fields, no quoting.

    Raises:
        DatasetError: if it is cut off, not UTF-8 or ragged.
    """
    lines = _text(path).encode().split(b"\n")
    names = _header(path, lines[0].decode().split("\t"))
    for number, row in enumerate(lines, 1):
        fields = row.count(b"\t") + 1
        if row.strip() and fields != len(names):
            raise DatasetError(
                f"{path}, line {number}: {fields} fields, but the header has {len(names)} "
                f"({', '.join(names)}). Fields are separated by tabs and not quoted."
            )
    body = b"\n".join(row for row in lines[1:] if row.strip())
    if not body:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String()))
    return pl.read_csv(
        body,
        separator="\t",
        quote_char=None,
        has_header=False,
        new_columns=names,
        infer_schema=False,
    )


def read_csv(path: Path, separator: str) -> pl.DataFrame:
    """Read a CSV, gzipped or not, as text columns: a header, fields quoted where they need it.

    A quote that opens a field ends with the next single quote; inside, two quotes stand for one
    and line breaks are text. A quote anywhere else is an ordinary character.

    A file that was cut off is noticed if its last row is short or a quote is left open. It can't
    be noticed if it ends between two rows, or within the last field of one.

    Args:
        path: the file.
        separator: the character between two fields.

    Raises:
        DatasetError: if it is cut off, not UTF-8 or ragged.
    """
    names: list[str] = []
    rows: list[list[str]] = []
    for line, row in _numbered(path, separator):
        if not names:
            names = _header(path, row)
        elif len(row) != len(names):
            raise DatasetError(
                f"{path}, line {line}: {len(row)} fields, but the header has {len(names)} "
                f"({', '.join(names)}). The file is cut off or damaged; download it again."
            )
        else:
            rows.append(row)
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    table = pl.DataFrame(
        [pl.Series(*pair, dtype=pl.String()) for pair in zip(names, columns, strict=True)]
    )
    return table.with_columns(pl.all().replace("", None))


def _numbered(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the line it begins on."""
    lines = StringIO(_text(path), newline="")
    reader = csv.reader(chain(lines, [_END]), delimiter=separator)
    line = 1
    try:
        while (row := next(reader)) != [_END]:
            if row and row[-1].endswith(_END):
                raise csv.Error("a quoted field never ends")
            if any(field.strip() for field in row):
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise DatasetError(
            f"{path}, line {line}: {error}. A quote is missing in this row or the file is cut "
            "off; download it again."
        ) from None


def _header(path: Path, fields: list[str]) -> list[str]:
    names = [field.strip() for field in fields]
    if len(set(names)) < len(names):
        raise DatasetError(f"{path}, line 1: a column is named twice: {', '.join(names)}.")
    return names


def _text(path: Path) -> str:
    data = _decompressed(path)
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DatasetError(
            f"{path}, line {line}: not UTF-8 (byte 0x{data[error.start]:02x}); save it as UTF-8."
        ) from None


def _decompressed(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(
            f"{path} cannot be unpacked: {error}. It is cut off or damaged; download it again."
        ) from None
