"""Tables as delimited text: TSV (tabs) and CSV (commas), quoted where they need it.

Columns come back in their kinds, all others as text with blank fields null, and every fault is
told with its line. What a quote means is told in :mod:`pintower.data.quoting` for TSV; in a CSV a
quote that opens a field ends with the next single quote, and any other is an ordinary character.
"""

import csv
import gzip
import logging
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl

from pintower.data.columns import refuse_other_spellings, typed_rows, written_vectors
from pintower.data.kinds import Kind
from pintower.data.origin import Origin, Rows
from pintower.data.placeholders import told
from pintower.data.quoting import has_quoted_lines, is_escaped, is_written_quoted, unquote
from pintower.data.signature import HEAD, named_by_content
from pintower.errors import DatasetError

__all__ = ["read_csv", "read_tsv"]

_log = logging.getLogger(__name__)

_SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
_END = "\0end of the file"
"""A line put after the last one: it comes out as a row of its own unless a quote is still open."""


def read_tsv(path: Path, kinds: Mapping[str, Kind]) -> Rows:
    """Read a TSV, gzipped or not: a header, tabs between fields.

    Args:
        path: the file.
        kinds: of the columns that somebody will use.

    Raises:
        DatasetError: if it is cut off, not UTF-8, ragged, or a value is not of its kind.
    """
    text = _text(path)
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    header = lines[0].split("\t")
    names = _header(path, [unquote(field.strip()) for field in header], "\t", kinds)
    ragged = [
        number
        for number, line in enumerate(lines, 1)
        if line.count("\t") + 1 != len(names) and line.strip()
    ]
    opened = any(field.startswith('"') for field in header)
    if '"' in text and (opened or (ragged and is_written_quoted(text))):
        return _quoted_rows(path, text, "\t", kinds, strict=True)
    if ragged:
        raise DatasetError(
            f"{path}, line {ragged[0]}: {lines[ragged[0] - 1].count(chr(9)) + 1} fields, but the "
            f"header has {len(names)} ({', '.join(names)}). Fields are separated by tabs; one that "
            "holds a tab or a line break must be in quotes, with every other quote doubled."
        )
    _plain(path, 1, lines[0])
    _refuse_unclear(path, text, lines, len(names))
    numbers = [number for number, line in enumerate(lines[1:], 2) if line.strip()]
    kept = [_plain(path, number, lines[number - 1]) for number in numbers]
    return _rows(path, names, "\n".join(kept), numbers, kinds)


def read_csv(path: Path, separator: str, kinds: Mapping[str, Kind]) -> Rows:
    """Read a CSV, gzipped or not: a header, fields quoted where they need it.

    A file that was cut off is noticed if its last row is short or a quote is left open. It can't
    be noticed if it ends between two rows, or within the last field of one.

    Args:
        path: the file.
        separator: the character between two fields.
        kinds: of the columns that somebody will use.

    Raises:
        DatasetError: if it is cut off, not UTF-8, ragged, or a value is not of its kind.
    """
    return _quoted_rows(path, _text(path), separator, kinds, strict=False)


def _plain(path: Path, number: int, line: str) -> str:
    """Return a line of a TSV with its quoted fields unquoted."""
    if "\r" in line:
        raise DatasetError(
            f"{path}, line {number}: a carriage return within the line; lines end with a line feed."
        )
    if '"' not in line:
        return line
    fields = line.split("\t")
    if escaped := [field for field in fields if is_escaped(field)]:
        raise _backslash(path, number, escaped[0])
    return "\t".join(map(unquote, fields))


def _refuse_unclear(path: Path, text: str, lines: Sequence[str], width: int) -> None:
    """Refuse a TSV of one column whose quotes may hold several lines together, or may not."""
    if width > 1 or '"' not in text or not (is_written_quoted(text) and has_quoted_lines(text)):
        return
    number = next(n for n, line in enumerate(lines, 1) if line.count('"') % 2)
    raise DatasetError(
        f"{path}, line {number}: this quote may hold several lines together, or be an ordinary "
        "character. Put the header in quotes too if fields are quoted, or write the table as "
        ".jsonl or .parquet."
    )


def _quoted_rows(
    path: Path, text: str, separator: str, kinds: Mapping[str, Kind], *, strict: bool
) -> Rows:
    names: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    with _any_length():
        for line, row in _numbered(path, text, separator, strict=strict):
            if not names:
                names = _header(path, row, separator, kinds)
            elif len(row) != len(names):
                raise DatasetError(
                    f"{path}, line {line}: {len(row)} fields, but the header has {len(names)} "
                    f"({', '.join(names)}). The file is cut off or damaged, or a "
                    "field that holds the separator is not in quotes."
                )
            else:
                rows.append(row)
                lines.append(line)
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    table = pl.DataFrame(
        [pl.Series(*pair, dtype=pl.String()) for pair in zip(names, columns, strict=True)]
    )
    return _typed(path, table, lines, kinds)


def _numbered(
    path: Path, text: str, separator: str, *, strict: bool
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the line it begins on."""
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
            "off; download it again."
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
        raise _backslash(path, line, raw.strip()) from None


def _backslash(path: Path, line: int, text: str) -> DatasetError:
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


def _rows(
    path: Path, names: list[str], body: str, lines: list[int], kinds: Mapping[str, Kind]
) -> Rows:
    if not body:
        return _typed(path, pl.DataFrame(schema=dict.fromkeys(names, pl.String())), lines, kinds)
    table = pl.read_csv(
        body.encode(),
        separator="\t",
        quote_char=None,
        has_header=False,
        new_columns=names,
        infer_schema=False,
    )
    return _typed(path, table, lines, kinds)


def _typed(path: Path, table: pl.DataFrame, lines: list[int], kinds: Mapping[str, Kind]) -> Rows:
    origin = Origin(path, np.asarray(lines, np.int64))
    table = table.with_columns(pl.all().replace("", None))
    vectors = [written_vectors(table[name], origin) for name in table.columns if name not in kinds]
    table = table.with_columns(vector for vector in vectors if vector is not None)
    return told(typed_rows(table, kinds, origin), kinds)


def _header(path: Path, fields: list[str], separator: str, kinds: Mapping[str, Kind]) -> list[str]:
    names = [field.strip() for field in fields]
    if len(set(names)) < len(names):
        raise DatasetError(f"{path}, line 1: a column is named twice: {', '.join(names)}.")
    if not kinds or kinds.keys() & set(names):
        return names
    line = separator.join(names)
    for other, words in _SEPARATORS.items():
        if other != separator and kinds.keys() & {name.strip(' "') for name in line.split(other)}:
            raise DatasetError(
                f"{path}, line 1: {words} separate the columns, where {_SEPARATORS[separator]} are "
                "expected (tabs in a .tsv, commas in a .csv). Write it with the separator that its "
                "name stands for, or name it by its separator."
            )
    refuse_other_spellings(names, kinds, Origin(path))
    raise DatasetError(
        f"{path}, line 1: the first line must name the columns, {', '.join(kinds)} or some of "
        f"them; found: {', '.join(names)}."
    )


def _text(path: Path) -> str:
    data = _decompressed(path)
    if found := named_by_content(data[:HEAD]):
        raise DatasetError(f"{path} holds {found}; text in UTF-8 is expected.")
    if (place := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, place) + 1
        raise DatasetError(f"{path}, line {line}: a NUL byte; the file is damaged or no text.")
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
