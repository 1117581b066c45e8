"""A catalogue too large for memory: its pins in batches, in the order of its files.

Parquet, JSON lines (gzip too) and Lance; a file, or a folder of files of one kind, here or in an
object store that pyarrow reads (``s3://``, ``gs://``, ``abfss://``, ``hdfs://``).
"""

import gzip
import io
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

import lance
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pintower.data.catalogue_files import CatalogueFiles, find_catalogue
from pintower.data.checks import require
from pintower.data.columns import KINDS, VECTOR, refuse_other_spellings, typed_rows, with_constants
from pintower.data.jsonl import iterate_jsonl
from pintower.data.kinds import Kind
from pintower.data.origin import Origin, Rows
from pintower.data.pins import filled_pins, require_text
from pintower.data.placeholders import count_placeholders, tell_placeholders
from pintower.data.signature import HEAD, PARQUET, named_by_content
from pintower.data.tables import PINS, TEXT_COLUMNS
from pintower.errors import DatasetError

__all__ = ["Catalogue", "open_catalogue"]

_BATCH = 20_000
_MANY_PINS = 500_000
_PIN_BYTES = 400
"""Of a pin in JSON, about; less where it is packed."""


@dataclass(frozen=True)
class Catalogue:
    """Pins that are read in batches.

    Attributes:
        source: the files that hold them.
        vectors: feature vector columns to read, besides those of the pins table.
    """

    source: CatalogueFiles
    vectors: tuple[str, ...]

    @property
    def place(self) -> str:
        """The place of the files, for messages."""
        return self.source.place

    def count(self) -> int | None:
        """Return the number of pins where the files tell it without being read."""
        if self.source.kind == "parquet":
            return sum(int(self._parquet(path).metadata.num_rows) for path in self.source.files)
        if self.source.kind == "lance":
            return int(lance.dataset(self.place).count_rows())
        return None

    def large(self) -> bool:
        """Whether there are so many pins that to hash them pays the start of more processes."""
        count = self.count()
        if count is None:
            found = self.source.filesystem.get_file_info(list(self.source.files))
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
            said += count_placeholders(rows.frame, list(KINDS[PINS]))
            yield self._filled(rows)
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
        if self.source.kind == "jsonl":  # a column may be in none of these lines and in the next
            texts = [pl.lit(None).alias(name) for name in TEXT_COLUMNS if name not in frame]
            empty = [name for name in self.vectors if name not in frame]
            frame = frame.with_columns(*texts, *map(_no_vector, empty))
        pins = filled_pins(Rows(frame, rows.origin), self.vectors)
        # Where no pin of a batch has a vector, its column is left out.
        return pins.with_columns(_no_vector(name) for name in self.vectors if name not in pins)

    def _rows(self) -> Iterator[Rows]:
        """Yield each batch of rows, their columns in their kinds."""
        kinds = KINDS[PINS] | dict.fromkeys(self.vectors, VECTOR)
        for path in self.source.files:
            stated = self.source.partition(path)
            try:
                for rows in self._read(path, kinds, stated):
                    yield with_constants(rows, stated, kinds)
            except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
                raise DatasetError(f"{path} cannot be read: {error}") from error

    def _read(self, path: str, kinds: Mapping[str, Kind], more: Collection[str]) -> Iterator[Rows]:
        """Yield the batches of a file, to which some columns will be added."""
        if self.source.kind == "jsonl":
            with self.source.filesystem.open_input_stream(path, compression=None) as raw:
                stream = gzip.open(raw, "rb") if path.endswith(".gz") else io.BufferedReader(raw)
                yield from iterate_jsonl(cast("BinaryIO", stream), path, kinds, _BATCH)
            return
        if self.source.kind == "lance":
            dataset = lance.dataset(self.place)
            names = _wanted(kinds, dataset.schema.names, more, path)
            batches = dataset.to_batches(columns=names, batch_size=_BATCH)
        else:
            file = self._parquet(path)
            names = _wanted(kinds, file.schema_arrow.names, more, path)
            batches = file.iter_batches(_BATCH, columns=names)
        first = 0
        for batch in batches:
            frame = cast("pl.DataFrame", pl.from_arrow(batch))
            yield typed_rows(frame, kinds, Origin(path, first=first))
            first += len(frame)

    def _parquet(self, path: str) -> pq.ParquetFile:
        filesystem = self.source.filesystem
        try:
            return pq.ParquetFile(path, filesystem=filesystem)
        except (pa.ArrowException, OSError) as error:
            with filesystem.open_input_stream(path, compression=None) as file:
                found = named_by_content(file.read(HEAD))
            if found is not None and found != PARQUET:
                raise DatasetError(f"{path} holds {found}; a parquet file is expected.") from None
            raise DatasetError(f"{path} cannot be read: {error}") from error


def open_catalogue(place: str, vectors: Sequence[str] = ()) -> Catalogue:
    """Find a catalogue's files.

    Args:
        place: a path or an address; a file, a Lance dataset, a folder that holds ``pins.*``, or a
            folder of parquet or JSON lines files, in it or in folders such as ``country=us``,
            taken in the order of their names.
        vectors: feature vector columns that the pin encoder takes.

    Raises:
        DatasetError: if there is none, or it is not clear which.
    """
    return Catalogue(find_catalogue(place), tuple(vectors))


def _wanted(
    known: Collection[str], found: Sequence[str], more: Collection[str], path: str
) -> list[str]:
    """Return the columns to read of a file that has some, where some more are known without it.

    Raises:
        DatasetError: if they cannot make a pin, naming all that the file has.
    """
    origin, held = Origin(path), [*found, *more]
    require(held, ["pin_id"], origin)
    require_text(held, origin)
    refuse_other_spellings(held, known, origin)
    return [name for name in known if name in found]


def _no_vector(column: str) -> pl.Expr:
    return pl.lit(None, pl.List(pl.Float32())).alias(column)
