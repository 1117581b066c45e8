"""JSON lines, read with every fault told by its line.

Types are settled in plain Python: a column whose values are whole and fractional numbers becomes
fractional, scalars of several kinds become text, and nothing is rounded or dropped in silence.
"""

import gzip
import json
import zlib
from collections.abc import Collection, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import polars as pl

from pintower.errors import DatasetError

__all__ = ["iterate_jsonl", "read_jsonl"]

_CHUNK = 20_000
_BOM = b"\xef\xbb\xbf"


def read_jsonl(path: Path, known: Collection[str], *, others: bool = True) -> pl.DataFrame:
    """Read ``.jsonl`` or ``.jsonl.gz``: one object a line, blank lines skipped.

    Args:
        path: the file.
        known: the columns somebody will use; another column may hold anything (where no table
            can hold it, it comes back without values).
        others: False leaves the other columns out; there may be thousands.

    Raises:
        DatasetError: for a broken gzip stream, text that is not UTF-8, a line that is not a JSON
            object, a known column that holds lists here and single values there.
    """
    with _open(path) as file:
        chunks = _chunks(file, path, _CHUNK)
        frames = [_frame(records, known, others=others) for records in chunks]
    mixed = {name for name in _names(frames) if _is_mixed(frames, name)}
    if refused := sorted(mixed.intersection(known)):
        raise DatasetError(
            f"{path}: column {refused[0]!r} holds values of several shapes (lists, objects, "
            f"single values); give it one shape in every line."
        )
    frames = [_without(frame, mixed) for frame in frames]
    return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()


def iterate_jsonl(
    file: BinaryIO, name: str, known: Collection[str], rows: int
) -> Iterator[pl.DataFrame]:
    """Yield a file's records in frames of some rows, the known columns only.

    Args:
        file: the lines, unpacked.
        name: of the file, for messages.
        known: the columns somebody will use.
        rows: in a frame; each frame settles the types of its columns by itself.

    Raises:
        DatasetError: as :func:`read_jsonl` does.
    """
    for records in _chunks(file, name, rows):
        yield _frame(records, known, others=False)


def _frame(records: list[dict[str, Any]], known: Collection[str], *, others: bool) -> pl.DataFrame:
    names = dict.fromkeys(chain.from_iterable(records))
    kept = [name for name in names if others or name in known]
    return pl.DataFrame([_series(name, [row.get(name) for row in records]) for name in kept])


def _chunks(file: BinaryIO, path: Path | str, rows: int) -> Iterator[list[dict[str, Any]]]:
    records = _records(file, path)
    while chunk := list(islice(records, rows)):
        yield chunk


def _records(file: BinaryIO, path: Path | str) -> Iterator[dict[str, Any]]:
    for number, line in _lines(file, path):
        try:
            record = json.loads(line.decode("utf-8").rstrip("\r\n"))
        except UnicodeDecodeError as error:
            raise DatasetError(
                f"{path}, line {number}: not UTF-8 (byte 0x{line[error.start]:02x}); "
                f"save the file as UTF-8."
            ) from None
        except json.JSONDecodeError as error:
            raise DatasetError(
                f"{path}, line {number}: not valid JSON: {error.msg}, character {error.pos + 1}."
            ) from None
        except RecursionError as error:
            raise DatasetError(f"{path}, line {number}: not valid JSON: {error}.") from None
        if not isinstance(record, dict):
            raise DatasetError(
                f"{path}, line {number}: one JSON object a line is expected, "
                f"got {line[:60].decode('utf-8', 'replace')!r}."
            )
        if b"\\u" in line:
            _refuse_half_characters(path, number, record)
        yield record


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


def _refuse_half_characters(path: Path | str, number: int, record: dict[str, Any]) -> None:
    """Refuse an escaped lone surrogate, which JSON lets through and UTF-8 cannot hold."""
    try:
        json.dumps(record, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise DatasetError(
            f"{path}, line {number}: an escape stands for half a character (a lone surrogate)."
        ) from None


def _series(name: str, values: list[Any]) -> pl.Series:
    given = [value for value in values if value is not None]
    if all(isinstance(value, list) for value in given) and given:
        inner = set(map(type, chain.from_iterable(given))) - {type(None)}
        lists: list[list[Any] | None]
        if not inner:
            return pl.Series(name, values, dtype=pl.List(pl.Null()))
        if inner == {int} and all(_fits(item) for value in given for item in value):
            return pl.Series(name, values, dtype=pl.List(pl.Int64()))
        if inner == {float}:
            return pl.Series(name, values, dtype=pl.List(pl.Float64()))
        if inner <= {int, float}:
            lists = [None if v is None else [_number(item) for item in v] for v in values]
            return pl.Series(name, lists, dtype=pl.List(pl.Float64()))
        if inner <= {int, float, str, bool}:
            lists = [None if v is None else [_text(item) for item in v] for v in values]
            return pl.Series(name, lists, dtype=pl.List(pl.String()))
        return pl.Series(name, values, dtype=pl.Object())
    kinds = {type(value) for value in given}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null())
    if kinds == {int} and all(_fits(value) for value in given):
        return pl.Series(name, values, dtype=pl.Int64())
    if kinds == {float}:
        return pl.Series(name, values, dtype=pl.Float64())
    if kinds <= {int, float, str, bool}:
        return pl.Series(name, [_text(value) for value in values], dtype=pl.String())
    return pl.Series(name, values, dtype=pl.Object())


def _fits(value: int | None) -> bool:
    return value is None or -(2**63) <= value < 2**63


def _number(value: float | None) -> float | None:
    try:
        return None if value is None else float(value)
    except OverflowError:
        return float("inf")


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)


def _names(frames: list[pl.DataFrame]) -> list[str]:
    return list(dict.fromkeys(name for frame in frames for name in frame.columns))


def _is_mixed(frames: list[pl.DataFrame], name: str) -> bool:
    types = [frame.schema[name] for frame in frames if name in frame.columns]
    nested = {isinstance(kind, pl.List) for kind in types if kind != pl.Null()}
    return len(nested) > 1 or any(isinstance(kind, pl.Object) for kind in types)


def _without(frame: pl.DataFrame, mixed: set[str]) -> pl.DataFrame:
    """Empty the columns that no table can hold; their names stay, for messages."""
    return frame.with_columns(pl.lit(None).alias(n) for n in frame.columns if n in mixed)
