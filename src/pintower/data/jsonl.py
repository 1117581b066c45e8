"""JSON lines, read with every fault told by its line."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import polars as pl

from pintower.data.columns import refuse_other_spellings, warn_of_no_vector
from pintower.data.json_values import number_lists
from pintower.data.kinds import Kind, typed_series, typed_values
from pintower.data.origin import Origin, Rows
from pintower.data.placeholders import told
from pintower.data.signature import HEAD, named_by_content
from pintower.errors import DatasetError

__all__ = ["iterate_jsonl", "read_jsonl"]

_CHUNK = 20_000
_BOM = b"\xef\xbb\xbf"

_Record = tuple[int, dict[str, Any]]
"""The number of a line, and the object that it holds."""


def read_jsonl(path: Path, kinds: Mapping[str, Kind], *, others: bool = True) -> Rows:
    """Read ``.jsonl`` or ``.jsonl.gz``: one object a line, blank lines skipped.

    Args:
        path: the file.
        kinds: of the columns that somebody will use.
        others: give the other columns too: lists of numbers as they are, those that hold anything
            else without values. False leaves them out; there may be thousands.

    Raises:
        DatasetError: for a broken gzip stream, text that is not UTF-8, a line that is not a JSON
            object or names a key twice, a value that is not of its column's kind.
    """
    odd: dict[str, tuple[object, str]] = {}
    parts: list[Rows] = []
    with _open(path) as file:
        for number, chunk in enumerate(_chunks(file, path, _CHUNK)):
            start = Origin(path, first=number * _CHUNK)
            parts.append(_rows(chunk, start, kinds, odd if others else None))
    frames = [part.frame for part in parts]
    for name, (value, place) in odd.items():
        if any(_is_vector(frame, name) for frame in frames):
            warn_of_no_vector(name, value, place)
    nothing = [pl.lit(None).alias(name) for name in odd]
    frames = [frame.with_columns(nothing) for frame in frames]
    lines = [part.origin.lines for part in parts if part.origin.lines is not None]
    frame = pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()
    origin = Origin(path, np.concatenate(lines) if lines else None)
    refuse_other_spellings(frame.columns, kinds, origin)
    for name, kind in kinds.items():  # a whole chunk may lack a column that others have
        if kind.required and name in frame.columns:
            typed_series(frame[name], kind, origin)
    return told(Rows(frame, origin), kinds)


def iterate_jsonl(
    file: BinaryIO, name: str, kinds: Mapping[str, Kind], rows: int
) -> Iterator[Rows]:
    """Yield a file's records in frames of some rows, the columns of a kind only.

    Args:
        file: the lines, unpacked.
        name: of the file, for messages.
        kinds: of the columns that somebody will use.
        rows: in a frame.

    Raises:
        DatasetError: as :func:`read_jsonl` does.
    """
    first = 0
    for records in _chunks(file, name, rows):
        part = _rows(records, Origin(name, first=first), kinds, None)
        refuse_other_spellings(set().union(*(r for _, r in records)), kinds, part.origin)
        yield part
        first += len(records)


def _rows(
    records: list[_Record],
    origin: Origin,
    kinds: Mapping[str, Kind],
    odd: dict[str, tuple[object, str]] | None,
) -> Rows:
    """Return records as columns.

    Args:
        records: some lines.
        origin: of the first of them.
        kinds: of the columns that somebody will use.
        odd: takes the first value that is no list of numbers, and its place, for each other
            column; None leaves the other columns out.
    """
    origin = replace(origin, lines=np.array([number for number, _ in records], np.int64))
    columns = []
    for name in dict.fromkeys(chain.from_iterable(record for _, record in records)):
        kind = kinds.get(name)
        if kind is None and odd is None:
            continue
        values = [record.get(name) for _, record in records]
        if kind is not None:
            columns.append(typed_values(name, values, kind, origin))
        elif odd is not None:
            lists, strange = number_lists(name, values)
            columns.append(lists)
            if strange is not None:
                odd.setdefault(name, (values[strange], origin.at(strange + 1)))
    return Rows(pl.DataFrame(columns), origin)


def _is_vector(frame: pl.DataFrame, name: str) -> bool:
    """Whether some rows of a column hold lists of fractional numbers."""
    kind = frame.schema.get(name)
    return (
        isinstance(kind, pl.List) and kind.inner == pl.Float64 and not frame[name].is_null().all()
    )


def _chunks(file: BinaryIO, path: Path | str, rows: int) -> Iterator[list[_Record]]:
    records = _records(file, path)
    while chunk := list(islice(records, rows)):
        yield chunk


def _records(file: BinaryIO, path: Path | str) -> Iterator[_Record]:
    for number, line in _lines(file, path):
        if number == 1 and (found := named_by_content(line[:HEAD])):
            raise DatasetError(f"{path} holds {found}; JSON lines in UTF-8 are expected.")
        if number == 1 and line.lstrip().startswith(b"["):
            raise DatasetError(
                f"{path}, line 1: one JSON object a line is expected, got "
                f"{line[:60].decode('utf-8', 'replace')!r}; write each item of an array on a line "
                "of its own (jq -c '.[]')."
            )
        try:
            record = _DECODER.decode(line.decode("utf-8").rstrip("\r\n"))
            if b"\\u" in line:
                json.dumps(record, ensure_ascii=False).encode("utf-8")
        except UnicodeDecodeError as error:
            raise DatasetError(
                f"{path}, line {number}: not UTF-8 (byte 0x{line[error.start]:02x}); "
                f"save the file as UTF-8."
            ) from None
        except UnicodeEncodeError:
            raise DatasetError(
                f"{path}, line {number}: an escape stands for half a character (a lone surrogate)."
            ) from None
        except json.JSONDecodeError as error:
            raise DatasetError(
                f"{path}, line {number}: not valid JSON: {error.msg}, character {error.pos + 1}. "
                "One JSON object a line is expected, and a line feed at its end."
            ) from None
        except (RecursionError, ValueError) as error:
            reason = str(error).partition(";")[0]
            raise DatasetError(f"{path}, line {number}: not valid JSON: {reason}.") from None
        if not isinstance(record, dict):
            raise DatasetError(
                f"{path}, line {number}: one JSON object a line is expected, "
                f"got {line[:60].decode('utf-8', 'replace')!r}."
            )
        yield number, record


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return record


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def _lines(file: BinaryIO, path: Path | str) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers and bytes of the lines that are not blank."""
    try:
        for number, line in enumerate(file, 1):
            text = line.removeprefix(_BOM) if number == 1 else line
            if text.strip():
                yield number, text
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(
            f"{path} is not a whole gzip file ({error}); it is cut off or damaged, write it again."
        ) from None


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
