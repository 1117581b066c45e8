"""A catalogue too large for memory: its pins in batches, in the order of its files.

Parquet, JSON lines (gzip too) and Lance; a file, or a folder of files of one kind, here or in an
object store that pyarrow reads (``s3://``, ``gs://``, ``abfss://``, ``hdfs://``).
"""

import gzip
import io
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal, cast
from urllib.parse import urlencode, urlsplit

import lance
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import fs

from pintower.data.checks import count_placeholders, require, tell_placeholders
from pintower.data.columns import KINDS, VECTOR, refuse_other_spellings, typed_rows
from pintower.data.jsonl import iterate_jsonl
from pintower.data.kinds import Kind
from pintower.data.origin import Origin, Rows
from pintower.data.pins import SPOKEN, filled_pins, require_text
from pintower.data.tables import PINS, TEXT_COLUMNS
from pintower.errors import DatasetError

__all__ = ["Catalogue", "open_catalogue"]

_BATCH = 20_000
_MANY_PINS = 500_000
_PIN_BYTES = 400
"""Of a pin in JSON, about; less where it is packed."""

_ENDINGS = {"parquet": "parquet", "jsonl": "jsonl", "jsonl.gz": "jsonl", "lance": "lance"}
Format = Literal["parquet", "jsonl", "lance"]


@dataclass(frozen=True)
class Catalogue:
    """Where pins are read from.

    Attributes:
        place: as it was given, for messages.
        kind: of its files.
        files: their paths in ``filesystem``, in the order in which they are read.
        filesystem: that holds them.
        vectors: feature vector columns to read, besides those of the pins table.
    """

    place: str
    kind: Format
    files: tuple[str, ...]
    filesystem: fs.FileSystem
    vectors: tuple[str, ...]

    def count(self) -> int | None:
        """Return the number of pins where the files tell it without being read."""
        if self.kind == "parquet":
            return sum(int(self._parquet(path).metadata.num_rows) for path in self.files)
        if self.kind == "lance":
            return int(lance.dataset(self.place).count_rows())
        return None

    def large(self) -> bool:
        """Whether there are so many pins that to hash them pays the start of more processes."""
        count = self.count()
        if count is None:
            found = self.filesystem.get_file_info(list(self.files))
            count = sum(item.size or 0 for item in found) // _PIN_BYTES
        return count > _MANY_PINS

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield all pins, some thousand at a time, in the schema of the pins table.

        Raises:
            DatasetError: for a file that cannot be read, or a row that cannot be a pin.
        """
        seen: set[str] = set()
        said: Counter[str] = Counter()
        for rows in self._rows():
            seen.update(rows.frame.columns)
            pins = self._filled(rows)
            said += count_placeholders(pins, SPOKEN)
            yield pins
        tell_placeholders(said, self.place)
        if seen and (absent := [name for name in self.vectors if name not in seen]):
            raise DatasetError(
                f"{self.place}: no pin has {absent[0]!r}, which the pin encoder was trained on."
            )
        if seen:
            require_text(seen, Origin(self.place))

    def rows(self, numbers: NDArray[np.int64]) -> Iterator[pl.DataFrame]:
        """Yield the pins of some rows, which count from 0 through all files.

        Args:
            numbers: INT64, ascending.

        Raises:
            DatasetError: as :meth:`batches` does, and if there are fewer rows.
        """
        if not len(numbers):
            return
        first = taken = 0
        for rows in self._rows():
            end = int(numbers.searchsorted(first + len(rows.frame)))
            if end > taken:
                yield self._filled(rows)[numbers[taken:end] - first]
            taken, first = end, first + len(rows.frame)
            if taken == len(numbers):
                return
        if taken < len(numbers):
            raise DatasetError(
                f"{self.place} has {first:,} pins now and had more a moment ago. Leave it alone "
                "while it is read, and run the command again."
            )

    def _filled(self, rows: Rows) -> pl.DataFrame:
        frame = rows.frame
        require(frame.columns, ["pin_id"], rows.origin)
        if self.kind == "jsonl":  # a column may be in none of these lines and in the next
            texts = [pl.lit(None).alias(name) for name in TEXT_COLUMNS if name not in frame]
            empty = [name for name in self.vectors if name not in frame]
            frame = frame.with_columns(*texts, *map(_no_vector, empty))
        pins = filled_pins(Rows(frame, rows.origin), self.vectors)
        # Where no pin of a batch has a vector, its column is left out.
        return pins.with_columns(_no_vector(name) for name in self.vectors if name not in pins)

    def _rows(self) -> Iterator[Rows]:
        """Yield each batch of rows, their columns in their kinds."""
        kinds = KINDS[PINS] | dict.fromkeys(self.vectors, VECTOR)
        for path in self.files:
            try:
                yield from self._read(path, kinds)
            except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
                raise DatasetError(f"{path} cannot be read: {error}") from error

    def _read(self, path: str, kinds: Mapping[str, Kind]) -> Iterator[Rows]:
        if self.kind == "jsonl":
            with self.filesystem.open_input_stream(path, compression=None) as raw:
                stream = gzip.open(raw, "rb") if path.endswith(".gz") else io.BufferedReader(raw)
                yield from iterate_jsonl(cast("BinaryIO", stream), path, kinds, _BATCH)
            return
        if self.kind == "lance":
            dataset = lance.dataset(self.place)
            names = _wanted(kinds, dataset.schema.names, path)
            batches = dataset.to_batches(columns=names, batch_size=_BATCH)
        else:
            file = self._parquet(path)
            names = _wanted(kinds, file.schema_arrow.names, path)
            batches = file.iter_batches(_BATCH, columns=names)
        first = 0
        for batch in batches:
            frame = cast("pl.DataFrame", pl.from_arrow(batch))
            yield typed_rows(frame, kinds, Origin(path, first=first))
            first += len(frame)

    def _parquet(self, path: str) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(path, filesystem=self.filesystem)
        except (pa.ArrowException, OSError) as error:
            raise DatasetError(f"{path} cannot be read: {error}") from error


def open_catalogue(place: str, vectors: Sequence[str] = ()) -> Catalogue:
    """Find a catalogue's files.

    Args:
        place: a path or an address; a file, a Lance dataset, a folder that holds ``pins.*``, or a
            folder of parquet or JSON lines files, taken in the order of their names.
        vectors: feature vector columns that the pin encoder takes.

    Raises:
        DatasetError: if there is none, or it is not clear which.
    """
    try:
        filesystem, path = _filesystem(place)
        found = filesystem.get_file_info(path)
        files: tuple[str, ...] = ()
        if kind := _kind(path):
            files = (path,) if found.type != fs.FileType.NotFound else ()
        elif found.type == fs.FileType.Directory:
            inside = filesystem.get_file_info(fs.FileSelector(path))
            files, kind = _files_of([item.path for item in inside], place)
    except (pa.ArrowException, OSError) as error:
        raise DatasetError(f"The catalogue {place} cannot be read: {error}") from error
    if not files or kind is None:
        raise DatasetError(
            f"There is no catalogue {place}; give a {', '.join(_ENDINGS)} file or a folder with "
            "such files."
        )
    if kind == "lance":
        place = place if files == (path,) else _address(place, files[0])
    return Catalogue(place, kind, files, filesystem, tuple(vectors))


def _wanted(known: Collection[str], found: Sequence[str], path: str) -> list[str]:
    """Return the columns to read of a file that has some.

    Raises:
        DatasetError: if they cannot make a pin, naming all that the file has.
    """
    origin = Origin(path)
    require(found, ["pin_id"], origin)
    require_text(found, origin)
    refuse_other_spellings(found, known, origin)
    return [name for name in known if name in found]


def _no_vector(column: str) -> pl.Expr:
    return pl.lit(None, pl.List(pl.Float32())).alias(column)


def _filesystem(place: str) -> tuple[fs.FileSystem, str]:
    """Return the filesystem of a path or an address, and the path in it.

    pyarrow takes an S3 of another address than Amazon's from the query of the address alone. Lance,
    which holds the store, and the tools of S3 take it from the environment, and so does this.
    """
    if "://" not in place:
        return fs.LocalFileSystem(), place
    parts = urlsplit(place)
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if parts.scheme == "s3" and endpoint and "endpoint_override" not in parts.query:
        given = urlsplit(endpoint)
        more = urlencode({"endpoint_override": given.netloc, "scheme": given.scheme})
        place = parts._replace(query="&".join(filter(None, (parts.query, more)))).geturl()
    filesystem, path = fs.FileSystem.from_uri(place)
    return filesystem, path


def _address(place: str, path: str) -> str:
    """Return the address of a path of the filesystem that a place is in."""
    scheme, mark, _ = place.partition("://")
    return f"{scheme}://{path}" if mark else path


def _kind(path: str) -> Format | None:
    name = path.rstrip("/").rpartition("/")[2]
    for ending, kind in _ENDINGS.items():
        if name.endswith(f".{ending}"):
            return cast("Format", kind)
    return None


def _files_of(paths: Sequence[str], place: str) -> tuple[tuple[str, ...], Format | None]:
    """Return the files of a folder that are its catalogue, and their kind."""
    named = [path for path in paths if path.rpartition("/")[2].split(".")[0] == PINS]
    files = sorted(path for path in named or paths if _kind(path))
    kinds = {_kind(path) for path in files}
    if len(kinds) > 1 or (named and len(files) > 1):
        names = ", ".join(path.rpartition("/")[2] for path in files[:5])
        raise DatasetError(
            f"{place} holds {names}; which of them are the catalogue is not clear. Name a file, or "
            "a folder that holds files of one kind."
        )
    return tuple(files), next(iter(kinds), None)
