"""A snapshot: an immutable set of pin embeddings made by one pin encoder, memory-mapped to serve.

Like :mod:`pintower.text` this module needs numpy and the standard library only and is copied into
the Triton version folder that serves it.

    ids.npy            S [N], the pin ids, sorted
    embeddings.npy     FP32 [N, D], in the order of the ids
    terms.*.npy        the forward index, in the order of the ids
    match_stats/       the corpus statistics, frozen at training
    snapshot.json      space id, artifact id of the pin encoder, N, D
    manifest.json      last
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .text.forward_index import ForwardIndex
from .text.match_features import FEATURES, MatchStatistics, match_features

__all__ = ["PinIds", "Snapshot", "write_snapshot"]

PinIds = Sequence[bytes] | NDArray[np.bytes_] | NDArray[np.object_]
"""Ids as bytes; an array of dtype S holds none that ends with a NUL."""


@dataclass(frozen=True)
class Snapshot:
    """An open snapshot of N pins with embeddings of width D.

    Attributes:
        info: what ``snapshot.json`` says.
        ids: S [N], sorted.
        embeddings: FP32 [N, D].
        index: the pins' forward index.
        statistics: the frozen corpus statistics.
    """

    info: dict[str, Any]
    ids: NDArray[np.bytes_]
    embeddings: NDArray[np.float32]
    index: ForwardIndex
    statistics: MatchStatistics

    @classmethod
    def open(cls, folder: Path) -> "Snapshot":
        """Map a snapshot's files.

        Raises:
            ValueError: if the folder is incomplete or its parts disagree.
        """
        if not (folder / "manifest.json").is_file():
            raise ValueError(f"{folder} is not a complete snapshot: it has no manifest.json")
        snapshot = cls(
            info=json.loads((folder / "snapshot.json").read_text("utf-8")),
            ids=np.asarray(np.load(folder / "ids.npy", mmap_mode="r")),
            embeddings=np.asarray(np.load(folder / "embeddings.npy", mmap_mode="r")),
            index=ForwardIndex.load(folder),
            statistics=MatchStatistics.load(folder / "match_stats"),
        )
        rows = {len(snapshot.ids), len(snapshot.embeddings), len(snapshot.index)}
        if rows != {snapshot.info["pins"]}:
            raise ValueError(f"{folder}: ids, embeddings and terms disagree on the number of pins")
        return snapshot

    def look_up(self, pin_ids: PinIds) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return each id's row and whether it is known.

        Args:
            pin_ids: N ids of any bytes and length.

        Returns:
            INT64 [N], any row for an unknown id, and BOOL [N].
        """
        if not len(pin_ids) or not len(self.ids):
            return np.zeros(len(pin_ids), np.int64), np.zeros(len(pin_ids), bool)
        wanted, possible = _as_ids(pin_ids, self.ids.dtype)
        rows = np.minimum(self.ids.searchsorted(wanted), len(self.ids) - 1)
        return rows, (self.ids.take(rows) == wanted) & possible

    def features(
        self, query: str, pin_ids: PinIds
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what the scorer needs of some pins.

        Args:
            query: the query's text; any string.
            pin_ids: known or not, N of them.

        Returns:
            Embeddings FP32 [N, D] and match features FP32 [N, F]. The rows of an unknown id are
            NaN, which the scorer answers with VALID = false.
        """
        rows, known = self.look_up(pin_ids)
        if not known.any():
            width = self.embeddings.shape[1]
            return (
                np.full((len(rows), width), np.nan, np.float32),
                np.full((len(rows), len(FEATURES)), np.nan, np.float32),
            )
        embeddings = self.embeddings.take(rows, axis=0)
        matches = match_features(query, self.index, rows, self.statistics)
        if not known.all():
            embeddings[~known] = np.nan
            matches[~known] = np.nan
        return embeddings, matches


def _as_ids(
    pin_ids: PinIds, dtype: np.dtype[np.bytes_]
) -> tuple[NDArray[np.bytes_], NDArray[np.bool_] | bool]:
    """Return ids in the snapshot's dtype, and which of them can be in it.

    In another width numpy's binary search would copy all the snapshot's ids; a longer id, and one
    with the NUL at its end that numpy drops, are unknown.
    """
    if isinstance(pin_ids, np.ndarray):
        if pin_ids.dtype.kind == "S":
            return pin_ids.astype(dtype, copy=False), pin_ids.dtype.itemsize <= dtype.itemsize
        pin_ids = pin_ids.tolist()
    if max(map(len, pin_ids)) <= dtype.itemsize and b"\0" not in b"".join(pin_ids):
        return np.array(pin_ids, dtype), True
    fits = [len(pin_id) <= dtype.itemsize and pin_id[-1:] != b"\0" for pin_id in pin_ids]
    return np.array(pin_ids, dtype), np.array(fits)


def write_snapshot(
    folder: Path,
    *,
    ids: Sequence[str],
    embeddings: NDArray[np.float32],
    index: ForwardIndex,
    statistics: MatchStatistics,
    info: dict[str, Any],
) -> None:
    """Write a snapshot's files (not its manifest) into an existing folder.

    Args:
        folder: an empty folder.
        ids: N distinct pin ids, sorted by their UTF-8 bytes.
        embeddings: FP32 [N, D], in that order.
        index: the forward index, in that order.
        statistics: the frozen corpus statistics.
        info: space id and artifact id; the number of pins and the width are added.

    Raises:
        ValueError: if the ids are not sorted and distinct, or the lengths differ.
    """
    encoded = np.array([pin_id.encode() for pin_id in ids], dtype=np.bytes_)
    if not (encoded[:-1] < encoded[1:]).all():
        raise ValueError("the pin ids are not sorted by their bytes and distinct")
    if not len(ids) == len(embeddings) == len(index):
        raise ValueError(f"{len(ids)} ids, {len(embeddings)} embeddings, {len(index)} index rows")
    np.save(folder / "ids.npy", encoded)
    np.save(folder / "embeddings.npy", np.ascontiguousarray(embeddings, dtype=np.float32))
    index.save(folder)
    statistics.save(folder / "match_stats")
    values = {**info, "pins": len(ids), "width": int(embeddings.shape[1])}
    (folder / "snapshot.json").write_text(json.dumps(values, indent=2) + "\n", "utf-8")
