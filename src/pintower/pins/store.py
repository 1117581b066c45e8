"""The pin store: a Lance dataset for each pin encoder's artifact, updated pin by pin.

    STORE/<artifact id, 16 digits>.lance

Every change is one commit of Lance, whole or absent. Pins are merged by ``pin_id``, which is
declared as the primary key, so that of two writers at once neither loses a row nor doubles one.
What readers take is the version that a finished update was marked as: the tag ``complete``.

Columns: ``pin_id``; the keys of :mod:`pintower.models.pin_keys`; ``deleted``, a tombstone, whose
other columns are null; ``embedding`` FP32 [D]; ``vectors`` FP32 [V], the feature vectors it was
made from; ``terms`` UINT32 [T], ``counts`` UINT8 [T * 5] and ``title_terms`` of the forward index;
``title``.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pintower.artifacts import hash_json
from pintower.contracts import Contract
from pintower.errors import InputError, RepositoryError
from pintower.models.pin_keys import HASH, KEYS
from pintower.versions import newer_file

__all__ = ["Origin", "PinStore", "store_schema"]

logger = logging.getLogger(__name__)

_COMPLETE = "complete"
_PRIMARY_KEY = {"lance-schema:unenforced-primary-key": "true"}
_FRAGMENT_ROWS = 1_048_576
_MANY_FRAGMENTS = 64
_RETRIES = 30


@dataclass(frozen=True)
class Origin:
    """What a store's embeddings come from; two stores of one origin can be compared.

    Attributes:
        space_id: of both towers.
        artifact_id: of the pin encoder's graph.
        width: D of the embeddings.
        vector_width: V of the feature vectors the pin encoder takes; 0 for none.
    """

    space_id: str
    artifact_id: str
    width: int
    vector_width: int

    @classmethod
    def of(cls, contract: Contract) -> "Origin":
        """Return what the pin encoder of some exported graphs makes."""
        return cls(
            space_id=contract.space_id,
            artifact_id=contract.graphs["pin_encoder"].artifact_id,
            width=contract.symbols["D"],
            vector_width=contract.symbols["V"],
        )

    def made_by(self, runtime: str, precision: str) -> "Origin":
        """Return the origin of embeddings that the same weights make without the graph."""
        identity = {"space_id": self.space_id, "runtime": runtime, "precision": precision}
        return replace(self, artifact_id=hash_json(identity))

    def place(self, root: str) -> str:
        """Return where the dataset of this origin lies in a store."""
        return f"{root.rstrip('/')}/{self.artifact_id[:16]}.lance"


def store_schema(origin: Origin) -> pa.Schema:
    """Return the columns of a store."""
    fields = [
        pa.field("pin_id", pa.string(), nullable=False, metadata=_PRIMARY_KEY),
        *(pa.field(name, HASH) for name in KEYS),
        pa.field("deleted", pa.bool_(), nullable=False),
        pa.field("embedding", pa.list_(pa.float32(), origin.width)),
        pa.field("terms", pa.list_(pa.uint32())),
        pa.field("counts", pa.list_(pa.uint8())),
        pa.field("title_terms", pa.list_(pa.uint32())),
        pa.field("title", pa.string()),
    ]
    if origin.vector_width:
        fields.append(pa.field("vectors", pa.list_(pa.float32(), origin.vector_width)))
    metadata = {"space_id": origin.space_id, "artifact_id": origin.artifact_id}
    return pa.schema(fields, metadata=metadata)


@dataclass
class PinStore:
    """An open store of one origin.

    Attributes:
        place: of the Lance dataset.
        origin: of its embeddings.
        dataset: the version that was last read or written.
    """

    place: str
    origin: Origin
    dataset: lance.LanceDataset

    @classmethod
    def open(cls, root: str | Path, origin: Origin, *, create: bool = False) -> "PinStore":
        """Open the newest version, finished or not.

        Args:
            root: folder or address that holds the datasets of all origins.
            origin: whose.
            create: make an empty one where there is none.

        Raises:
            InputError: if there is none.
            RepositoryError: if it cannot be read or holds embeddings of another origin.
        """
        store = cls.find(root, origin)
        if store is not None:
            return store
        place = origin.place(str(root))
        if not create:
            raise InputError(
                f"There is no pin store {place}. Fill one with `pintower embed`, or run the pins "
                "stage."
            )
        try:
            dataset = lance.write_dataset(store_schema(origin).empty_table(), place)
        except OSError as error:
            raise RepositoryError(f"The pin store {place} cannot be made: {error}") from error
        return cls(place, origin, dataset)

    @classmethod
    def find(cls, root: str | Path, origin: Origin) -> "PinStore | None":
        """Open the newest version, finished or not; None where there is no store.

        Raises:
            RepositoryError: if it cannot be read or holds embeddings of another origin.
        """
        place = origin.place(str(root))
        try:
            dataset = lance.dataset(place)
        except ValueError as error:
            if "not found" not in str(error).lower():
                raise RepositoryError(f"The pin store {place} is broken: {error}") from error
            return None
        except OSError as error:
            raise RepositoryError(f"The pin store {place} cannot be opened: {error}") from error
        store = cls(place, origin, dataset)
        store._require_origin()
        return store

    def finished(self) -> "PinStore":
        """Return the store as the last finished update left it.

        Raises:
            InputError: if no update was ever finished.
        """
        tags = self.dataset.tags.list()
        if _COMPLETE not in tags:
            raise InputError(
                f"The pin store {self.place} was never filled to the end. Run the command that "
                "fills it again; it goes on where it was."
            )
        at = lance.dataset(self.place, version=int(tags[_COMPLETE]["version"]))
        return PinStore(self.place, self.origin, at)

    @property
    def unfinished(self) -> bool:
        """Whether there is a newer version than this one."""
        return bool(self.dataset.latest_version != self.version)

    @property
    def version(self) -> int:
        """Number of the version that is open."""
        return int(self.dataset.version)

    def batches(self, columns: Sequence[str], **options: Any) -> Iterator[pa.RecordBatch]:
        """Yield some columns of all rows, tombstones too unless a filter says otherwise.

        Raises:
            RepositoryError: if a file of the store cannot be read.
        """
        batches = self.dataset.to_batches(columns=list(columns), **options)
        while True:
            with self._reading():
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def count(self, *, tombstones: bool) -> int:
        """Return the number of rows, with or without those of deleted pins.

        Raises:
            RepositoryError: if a file of the store cannot be read.
        """
        with self._reading():
            return int(self.dataset.count_rows(None if tombstones else "NOT deleted"))

    def take(self, rows: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
        """Return some columns of some rows, tombstones too, which count from 0.

        Raises:
            RepositoryError: if a file of the store cannot be read.
        """
        with self._reading():
            return self.dataset.take(rows, columns=list(columns))

    def rows_of(self, pin_ids: Sequence[str], columns: Sequence[str]) -> pa.Table:
        """Return some columns of some pins, sorted by id; those it does not hold are left out."""
        quoted = ", ".join("'" + pin_id.replace("'", "''") + "'" for pin_id in pin_ids)
        wanted = f"pin_id IN ({quoted}) AND NOT deleted"
        with self._reading():
            return self.dataset.to_table(columns=list(columns), filter=wanted).sort_by("pin_id")

    def merge(self, rows: pa.Table) -> None:
        """Put rows in the place of those with their ids, one commit; columns not given stay.

        Args:
            rows: one for each pin; all columns where a pin may be new.
        """
        if not len(rows):
            return
        merge = self.dataset.merge_insert("pin_id").when_matched_update_all()
        if set(rows.column_names) == set(self.dataset.schema.names):
            merge = merge.when_not_matched_insert_all()
        merge.conflict_retries(_RETRIES).execute(rows)
        self.reopen()

    def reopen(self) -> None:
        """Take the newest version there is."""
        self.dataset = lance.dataset(self.place)

    def bury(self, pin_ids: Sequence[str]) -> None:
        """Leave tombstones in the place of pins; a commit."""
        schema = store_schema(self.origin)
        columns = {
            field.name: pa.nulls(len(pin_ids), field.type)
            for field in schema
            if field.name not in ("pin_id", "deleted")
        }
        ids = pa.array(pin_ids, pa.string())
        deleted = pa.array([True] * len(pin_ids), pa.bool_())
        arrays = {"pin_id": ids, "deleted": deleted, **columns}
        self.merge(pa.table([arrays[name] for name in schema.names], schema=schema))

    def tidy(self) -> None:
        """Join small files, where there are many."""
        if len(self.dataset.get_fragments()) > _MANY_FRAGMENTS:
            self.dataset.optimize.compact_files(target_rows_per_fragment=_FRAGMENT_ROWS)
            self.reopen()

    def finish(self) -> None:
        """Mark the open version as the one to read, and let go of those before the last marked."""
        tags = self.dataset.tags
        if _COMPLETE in tags.list():
            tags.update(_COMPLETE, self.version)
        else:
            tags.create(_COMPLETE, self.version)
        self.dataset.cleanup_old_versions(
            older_than=timedelta(days=1), error_if_tagged_old_versions=False
        )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            raise RepositoryError(
                f"The pin store {self.place} is damaged: {error}. Put a copy in its place, or "
                "remove it and fill it again with `pintower embed`."
            ) from error

    def _require_origin(self) -> None:
        """Refuse embeddings of another space, artifact or width."""
        metadata = self.dataset.schema.metadata or {}
        known = {*store_schema(self.origin).names, "vectors"}
        if unknown := set(self.dataset.schema.names) - known:
            raise RepositoryError(newer_file(self.place, "a pin store", sorted(unknown)))
        width = self.dataset.schema.field("embedding").type.list_size
        found = {
            "space_id": metadata.get(b"space_id", b"none").decode(),
            "artifact_id": metadata.get(b"artifact_id", b"none").decode(),
            "width": width,
        }
        for name, value in found.items():
            wanted = getattr(self.origin, name)
            if value != wanted:
                raise RepositoryError(
                    f"The pin store {self.place} holds embeddings with {name} {value}, the pin "
                    f"encoder has {wanted}: they cannot be mixed. Give another --store."
                )
