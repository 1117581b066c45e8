"""A snapshot: an immutable set of pin embeddings made by one pin encoder, memory-mapped to serve.

Like :mod:`pintower.text` this package needs numpy and the standard library only and is copied into
the Triton version folder that serves it.

    ids.npy            S [N], the pin ids, in the order of their hashes
    buckets.npy        UINT32 [2^B + 1], where the ids whose hash begins with some B bits begin
    embeddings.npy     FP32, FP16 or INT8 [N, D], in the order of the ids
    scales.npy         FP32 [N], with INT8: what a row is multiplied by
    terms.*.npy        the forward index, in the order of the ids
    match_stats/       the corpus statistics, frozen at training
    snapshot.json      space id, artifact id of the pin encoder, precision, shard, N, D
    manifest.json      last: the SHA-256 of every file
"""

from .identifiers import PinIds, hash_ids, shard_of
from .precision import PRECISIONS, Precision
from .reader import Snapshot
from .writer import SnapshotSizes, SnapshotWriter

__all__ = [
    "PRECISIONS",
    "PinIds",
    "Precision",
    "Snapshot",
    "SnapshotSizes",
    "SnapshotWriter",
    "hash_ids",
    "shard_of",
]
