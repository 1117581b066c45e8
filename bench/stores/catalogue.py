"""Ten million pins that nobody has: ids, embeddings and terms drawn from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pintower.artifacts import hash_files, write_json
from pintower.progress import track
from pintower.snapshot import Snapshot, SnapshotSizes, SnapshotWriter, hash_ids
from pintower.text.forward_index import ForwardIndex, sum_counts
from pintower.text.match_features import MatchStatistics
from pintower.text.rendering import PIN_SOURCES
from pintower.text.terms import term_id

WORDS = [f"word{number}" for number in range(20_000)]
TERMS = 24
TITLE = 6
BLOCK = 250_000
WIDTH = 256


@dataclass(frozen=True)
class Part:
    """Some pins.

    Attributes:
        ids: S [n].
        embeddings: FP32 [n, D], of length 1.
        index: their terms.
    """

    ids: NDArray[np.bytes_]
    embeddings: NDArray[np.float32]
    index: ForwardIndex


def pin_ids(pins: int) -> NDArray[np.bytes_]:
    """Return distinct ids as services give them: 64-bit numbers in decimal, S [N] of 20 bytes."""
    numbers = np.arange(1, pins + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return numbers.astype("S20")


def parts(ids: NDArray[np.bytes_]) -> Iterator[Part]:
    """Yield the pins in the order of their ids' hashes."""
    ordered = ids[np.argsort(hash_ids(ids))]
    words = np.array([term_id(word) for word in WORDS], np.uint32)
    starts = range(0, len(ordered), BLOCK)
    for start in track(starts, "writing pins", unit="blocks"):
        block = ordered[start : start + BLOCK]
        random = np.random.default_rng(start)
        embeddings = random.standard_normal((len(block), WIDTH), np.float32)
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        # Distinct within a pin: a step through the words that has no factor in common with them.
        first, step = (random.integers(0, len(WORDS), len(block)) for _ in range(2))
        places = first[:, None] + (10 * step[:, None] + 1) * np.arange(TERMS)
        terms = words[places % len(WORDS)]
        counts = random.integers(0, 3, (len(block) * TERMS, len(PIN_SOURCES)), np.uint8)
        indptr = np.arange(len(block) + 1, dtype=np.int64) * TERMS
        index = ForwardIndex(
            indptr=indptr,
            ids=terms.reshape(-1),
            counts=counts,
            lengths=sum_counts(indptr, counts),
            title_indptr=np.arange(len(block) + 1, dtype=np.int64) * TITLE,
            title_ids=terms[:, :TITLE].reshape(-1),
        )
        yield Part(block, embeddings, index)


def statistics(pins: int) -> MatchStatistics:
    """Return corpus statistics that go with the parts."""
    ids = np.sort(np.array([term_id(word) for word in WORDS], np.uint32))
    frequencies = np.full(len(ids), pins * TERMS // len(WORDS), np.int64)
    return MatchStatistics(pins, np.full(len(PIN_SOURCES), float(TERMS)), ids, frequencies)


def write(folder: Path, ids: NDArray[np.bytes_]) -> Snapshot:
    """Write the snapshot in int8, and open it."""
    pins = len(ids)
    sizes = SnapshotSizes(pins, WIDTH, ids.dtype.itemsize, pins * TERMS, pins * TITLE)
    info = {"space_id": "bench", "artifact_id": "bench"}
    with SnapshotWriter(folder, sizes, "int8", statistics(pins), info) as writer:
        for part in parts(ids):
            writer.append(part.ids, part.embeddings, part.index)
    write_json(folder / "manifest.json", {"files": hash_files(folder)})
    return Snapshot.open(folder)
