"""Tables as delimited text: TSV (tabs) and CSV (commas), quoted where they need it.

Columns come back in their kinds, all others as text with blank fields null, and every fault is
told with its line. What a quote means is told in :mod:`pintower.data.quoting` for TSV; in a CSV a
quote that opens a field ends with the next single quote, and any other is an ordinary character.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from pintower.data.columns import refuse_other_spellings, typed_rows, written_vectors
from pintower.data.csv_rows import backslash, csv_rows
from pintower.data.kinds import Kind
from pintower.data.origin import Origin, Rows
from pintower.data.placeholders import told
from pintower.data.quoting import has_quoted_lines, is_escaped, is_written_quoted, unquote
from pintower.data.text_files import read_text
from pintower.errors import DatasetError

__all__ = ["read_csv", "read_tsv"]

_log = logging.getLogger(__name__)

_SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}


def read_tsv(path: Path, kinds: Mapping[str, Kind]) -> Rows:
    """Read a TSV, gzipped or not: a header, tabs between fields.

    Args:
        path: the file.
        kinds: of the columns that somebody will use.

    Raises:
        DatasetError: if it is cut off, not UTF-8, ragged, or a value is not of its kind.
    """
    text = read_text(path)
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    top = next((number for number, line in enumerate(lines, 1) if line.strip()), 1)
    header = _plain(path, top, lines[top - 1]).split("\t")
    names = _header(path, top, header, "\t", kinds)
    ragged = [
        number
        for number, line in enumerate(lines, 1)
        if line.count("\t") + 1 != len(names) and line.strip()
    ]
    opened = lines[top - 1].startswith('"') or '\t"' in lines[top - 1]
    if '"' in text and (opened or (ragged and is_written_quoted(text))):
        return _quoted_rows(path, text, "\t", kinds, strict=True)
    if ragged:
        raise DatasetError(
            f"{path}, line {ragged[0]}: {lines[ragged[0] - 1].count(chr(9)) + 1} fields, but the "
            f"header has {len(names)} ({', '.join(names)}). Fields are separated by tabs; one that "
            "holds a tab or a line break must be in quotes, with every other quote doubled."
        )
    _refuse_unclear(path, text, lines, len(names))
    numbers = [number for number, line in enumerate(lines, 1) if number > top and line.strip()]
    kept = [_plain(path, number, lines[number - 1]) for number in numbers]
    if changed := sum(lines[n - 1] is not line for n, line in zip(numbers, kept, strict=True)):
        _log.info("%s: fields in quotes are unquoted in %d rows", path, changed)
    return _typed(path, _split(names, kept), numbers, kinds)


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
    return _quoted_rows(path, read_text(path), separator, kinds, strict=False)


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
        raise backslash(path, number, escaped[0])
    said = [unquote(field) for field in fields]
    return line if said == fields else "\t".join(said)


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
    found = csv_rows(path, text, separator, strict=strict)
    top, header = found[0] if found else (1, [""])
    names = _header(path, top, header, separator, kinds)
    for line, row in found:
        if len(row) != len(names):
            raise DatasetError(
                f"{path}, line {line}: {len(row)} fields, but the header has {len(names)} "
                f"({', '.join(names)}). The file is cut off or damaged, or a field that holds the "
                "separator is not in quotes."
            )
    columns = zip(*(row for _, row in found[1:]), strict=True) if found[1:] else [()] * len(names)
    table = pl.DataFrame(
        [pl.Series(*pair, dtype=pl.String()) for pair in zip(names, columns, strict=True)]
    )
    return _typed(path, table, [line for line, _ in found[1:]], kinds)


def _split(names: list[str], lines: list[str]) -> pl.DataFrame:
    """Return the fields of lines that have as many as there are names."""
    if len(names) == 1 or not lines:
        return pl.DataFrame([pl.Series(name, lines, dtype=pl.String()) for name in names])
    return pl.read_csv(
        "\n".join(lines).encode(),
        separator="\t",
        quote_char=None,
        has_header=False,
        new_columns=names,
        infer_schema=False,
    )


def _typed(path: Path, table: pl.DataFrame, lines: list[int], kinds: Mapping[str, Kind]) -> Rows:
    origin = Origin(path, np.asarray(lines, np.int64))
    table = table.with_columns(pl.all().replace("", None))
    vectors = [written_vectors(table[name], origin) for name in table.columns if name not in kinds]
    table = table.with_columns(vector for vector in vectors if vector is not None)
    return told(typed_rows(table, kinds, origin), kinds)


def _header(
    path: Path, line: int, fields: list[str], separator: str, kinds: Mapping[str, Kind]
) -> list[str]:
    """Return the names of the columns, without blanks around them."""
    names = [field.strip() for field in fields]
    if len(set(names)) < len(names):
        raise DatasetError(f"{path}, line {line}: a column is named twice: {', '.join(names)}.")
    if not kinds or kinds.keys() & set(names):
        return names
    whole = separator.join(names)
    for other, words in _SEPARATORS.items():
        if other != separator and kinds.keys() & {name.strip(' "') for name in whole.split(other)}:
            raise DatasetError(
                f"{path}, line {line}: {words} separate the columns, {_SEPARATORS[separator]} are "
                "expected (tabs in a .tsv, commas in a .csv). Write it with the separator that its "
                "name stands for, or name it by its separator."
            )
    refuse_other_spellings(names, kinds, Origin(path))
    raise DatasetError(
        f"{path}, line {line}: the first line must name the columns, {', '.join(kinds)} or some of "
        f"them; found: {', '.join(names)}."
    )
