"""Pin ids and where they stand: a table of buckets over the ids in the order of their hashes.

An id is found by two reads of memory, its bucket's begin and the few ids of the bucket, whatever
the number of pins; and all ids of a request together, without a loop over them in Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["IdTable", "PinIds", "as_ids", "bucket_bits", "hash_ids", "id_width", "shard_of"]

PinIds = Sequence[bytes] | NDArray[np.bytes_] | NDArray[np.object_]
"""Ids as bytes; an array of dtype S holds none that ends with a NUL."""

_WORD = 8
_BITS = np.uint64(64)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FINISHERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_HALF = np.uint64(32)


@dataclass(frozen=True)
class IdTable:
    """The ids of N pins.

    Attributes:
        ids: S [N], in the order of :func:`hash_ids`.
        buckets: UINT32 [2^B + 1], where the ids whose hash begins with some B bits begin.
    """

    ids: NDArray[np.bytes_]
    buckets: NDArray[np.uint32]

    def find(self, pin_ids: PinIds) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return each id's row and whether it is known.

        Args:
            pin_ids: n ids of any bytes and length.

        Returns:
            INT64 [n], any row for an unknown id, and BOOL [n].
        """
        rows, known = np.zeros(len(pin_ids), np.int64), np.zeros(len(pin_ids), np.bool_)
        if not len(pin_ids) or not len(self.ids):
            return rows, known
        wanted, possible = as_ids(pin_ids, self.ids.dtype)
        shift = _BITS - np.uint64((len(self.buckets) - 1).bit_length() - 1)
        bucket = (hash_ids(wanted) >> shift).astype(np.int64)
        place = self.buckets.take(bucket).astype(np.int64)
        end = self.buckets.take(bucket + 1).astype(np.int64)
        asked = np.flatnonzero((place < end) & possible)
        while len(asked):
            candidate = place.take(asked)
            hit = self.ids.take(candidate) == wanted.take(asked)
            found = asked[hit]
            rows[found] = candidate[hit]
            known[found] = True
            asked = asked[~hit]
            place[asked] += 1
            asked = asked[place.take(asked) < end.take(asked)]
        return rows, known


def as_ids(
    pin_ids: PinIds, dtype: np.dtype[np.bytes_]
) -> tuple[NDArray[np.bytes_], NDArray[np.bool_] | bool]:
    """Return ids in a table's dtype, and which of them can be in it.

    A longer id, and one with the NUL at its end that numpy drops, are unknown.
    """
    if isinstance(pin_ids, np.ndarray):
        if pin_ids.dtype.kind == "S":
            texts: NDArray[np.bytes_] = pin_ids.astype(np.bytes_, copy=False)
            return texts.astype(dtype, copy=False), np.char.str_len(texts) <= dtype.itemsize
        pin_ids = pin_ids.tolist()
    if max(map(len, pin_ids)) <= dtype.itemsize and b"\0" not in b"".join(pin_ids):
        return np.array(pin_ids, dtype), True
    possible = [len(pin_id) <= dtype.itemsize and pin_id[-1:] != b"\0" for pin_id in pin_ids]
    return np.array(pin_ids, dtype), np.array(possible)


def hash_ids(ids: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """Return a hash of each id, UINT64 [N]; the array's width plays no part.

    Words of eight bytes are multiplied in, the last one first, so that an id's padding adds
    nothing; the end is the finisher of SplitMix64 (Steele, Lea & Flood 2014, "Fast Splittable
    Pseudorandom Number Generators").
    """
    width = id_width(ids.dtype.itemsize)
    words = ids.astype(f"S{width}", copy=False).view("<u8").reshape(len(ids), -1)
    values = np.zeros(len(ids), np.uint64)
    for column in words.T[::-1]:
        values ^= column
        values *= _MULTIPLIER
        values ^= values >> _HALF
    for finisher, shift in zip(_FINISHERS, (30, 27), strict=True):
        values ^= values >> np.uint64(shift)
        values *= finisher
    return values ^ (values >> np.uint64(31))


def shard_of(ids: NDArray[np.bytes_], shards: int) -> NDArray[np.int64]:
    """Return which of some shards each id belongs to, INT64 [N]."""
    return (hash_ids(ids) % np.uint64(shards)).astype(np.int64)


def id_width(longest: int) -> int:
    """Return the width of an array of ids, whole words, for ids of at most some bytes."""
    return max(_WORD, -(-longest // _WORD) * _WORD)


def bucket_bits(pins: int) -> int:
    """Return B, so that there are two to four times as many buckets as pins."""
    return max(1, (2 * pins).bit_length())
