"""Writing a snapshot part by part, so that it never has to be in memory."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..text.forward_index import ForwardIndex
from ..text.match_features import MatchStatistics
from ..text.rendering import PIN_SOURCES
from .identifiers import bucket_bits, hash_ids, id_width
from .precision import Precision, reduce_rows

__all__ = ["SnapshotSizes", "SnapshotWriter"]


@dataclass(frozen=True)
class SnapshotSizes:
    """How large a snapshot becomes.

    Attributes:
        pins: N.
        width: D of the embeddings.
        longest_id: bytes of the longest id.
        terms: T, distinct terms of each pin, all together.
        title_terms: W, terms of the titles.
    """

    pins: int
    width: int
    longest_id: int
    terms: int
    title_terms: int


class SnapshotWriter:
    """Writes a snapshot's files, but for its manifest, into an empty folder.

    with SnapshotWriter(folder, sizes, "int8", statistics, {"space_id": …}) as writer:
        writer.append(ids, embeddings, index)
    """

    def __init__(
        self,
        folder: Path,
        sizes: SnapshotSizes,
        precision: Precision,
        statistics: MatchStatistics,
        info: dict[str, Any],
    ) -> None:
        """Open the files.

        Args:
            folder: empty.
            sizes: what will be appended.
            precision: in which the embeddings are kept.
            statistics: the frozen corpus statistics.
            info: space id and artifact id, and whatever else ``snapshot.json`` is to say.
        """
        self._folder, self._sizes, self._precision = folder, sizes, precision
        self._info = info
        self._bits = bucket_bits(sizes.pins)
        self._counts = np.zeros(2**self._bits + 1, np.uint32)
        self._last = (0, b"")
        self._done = dict.fromkeys(("pins", "terms", "title_terms"), 0)
        arrays = self._arrays()
        self._kinds = {name: kind for name, (kind, _) in arrays.items()}
        self._files = {name: self._begin(name, *array) for name, array in arrays.items()}
        statistics.save(folder / "match_stats")

    def __enter__(self) -> "SnapshotWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for file in self._files.values():
            file.close()
        if kind is None:
            self._finish()

    def append(
        self, ids: NDArray[np.bytes_], embeddings: NDArray[np.float32], index: ForwardIndex
    ) -> None:
        """Write some pins.

        Args:
            ids: S [n], in the order of their hashes, behind those appended before.
            embeddings: FP32 [n, D].
            index: of these pins.

        Raises:
            ValueError: if the ids are not in order and distinct, or the lengths differ.
        """
        if not len(ids) == len(embeddings) == len(index):
            raise ValueError(f"{len(ids)} ids, {len(embeddings)} embeddings, {len(index)} of terms")
        if not len(ids):
            return
        hashes = hash_ids(ids)
        self._require_order(ids, hashes)
        buckets, held = np.unique(hashes >> np.uint64(64 - self._bits), return_counts=True)
        self._counts[buckets.astype(np.int64) + 1] += held.astype(np.uint32)
        kept, scales = reduce_rows(embeddings, self._precision)
        self._write("ids", ids)
        self._write("embeddings", kept)
        if scales is not None:
            self._write("scales", scales)
        self._write("terms.indptr", index.indptr[1:] + self._done["terms"])
        self._write("terms.title_indptr", index.title_indptr[1:] + self._done["title_terms"])
        for name in ("ids", "counts", "lengths", "title_ids"):
            self._write(f"terms.{name}", getattr(index, name))
        self._done["pins"] += len(ids)
        self._done["terms"] += len(index.ids)
        self._done["title_terms"] += len(index.title_ids)

    def _arrays(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Return type and shape of each array."""
        pins, sources = self._sizes.pins, len(PIN_SOURCES)
        kept = {"fp32": "<f4", "fp16": "<f2", "int8": "|i1"}[self._precision]
        scales = {"scales": ("<f4", (pins,))} if self._precision == "int8" else {}
        return {
            "ids": (f"|S{id_width(self._sizes.longest_id)}", (pins,)),
            "embeddings": (kept, (pins, self._sizes.width)),
            **scales,
            "terms.indptr": ("<i8", (pins + 1,)),
            "terms.ids": ("<u4", (self._sizes.terms,)),
            "terms.counts": ("|u1", (self._sizes.terms, sources)),
            "terms.lengths": ("<u4", (pins, sources)),
            "terms.title_indptr": ("<i8", (pins + 1,)),
            "terms.title_ids": ("<u4", (self._sizes.title_terms,)),
        }

    def _begin(self, name: str, kind: str, shape: tuple[int, ...]) -> BinaryIO:
        """Open an array's file and write its header; a row pointer begins with 0."""
        file = (self._folder / f"{name}.npy").open("wb")
        header = {"descr": kind, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        if name.endswith("indptr"):
            file.write(np.zeros(1, kind).tobytes())
        return file

    def _write(self, name: str, values: NDArray[Any]) -> None:
        kept = np.ascontiguousarray(values, dtype=self._kinds[name])
        self._files[name].write(kept.tobytes())

    def _require_order(self, ids: NDArray[np.bytes_], hashes: NDArray[np.uint64]) -> None:
        pairs_ordered = (hashes[:-1] < hashes[1:]) | (
            (hashes[:-1] == hashes[1:]) & (ids[:-1] < ids[1:])
        )
        first = (int(hashes[0]), bytes(ids[0]))
        if not pairs_ordered.all() or (self._done["pins"] and first <= self._last):
            raise ValueError("the pin ids are not in the order of their hashes, or one comes twice")
        self._last = (int(hashes[-1]), bytes(ids[-1]))

    def _finish(self) -> None:
        planned = asdict(self._sizes)
        if any(planned[name] != done for name, done in self._done.items()):
            raise ValueError(f"{self._done} were appended, {planned} were announced")
        buckets = self._counts.cumsum(dtype=np.uint32)
        np.save(self._folder / "buckets.npy", buckets)
        values = {
            **self._info,
            "precision": self._precision,
            "pins": self._sizes.pins,
            "width": self._sizes.width,
        }
        (self._folder / "snapshot.json").write_text(json.dumps(values, indent=2) + "\n", "utf-8")
