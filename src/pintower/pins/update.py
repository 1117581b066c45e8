"""Bringing a store up to date with a catalogue: embed what changed, and nothing else.

Pins are embedded in the catalogue's order, a chunk at a time, and each chunk is one commit. A
killed update goes on behind its last whole chunk, with the chunks that it would have made, so that
its store ends as that of an update that was not killed, to the last bit.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from pintower.data.catalogue import Catalogue
from pintower.disk import require_room
from pintower.errors import DatasetError
from pintower.pins.difference import Difference, find_difference
from pintower.pins.embedder import PinEmbedder
from pintower.pins.store import PinStore
from pintower.progress import track

__all__ = ["Update", "refusal", "update_store"]

logger = logging.getLogger(__name__)

_FP32 = 4


@dataclass(frozen=True)
class Update:
    """What an update did.

    Attributes:
        difference: between catalogue and store, as it was found.
        scan_seconds: to read and compare the catalogue.
        embed_seconds: to embed and commit.
        version: of the store, as it is now to be read.
    """

    difference: Difference
    scan_seconds: float
    embed_seconds: float
    version: int

    @property
    def pins_per_second(self) -> float:
        """Pins embedded a second, commits included; 0 if there was none to embed."""
        return len(self.difference.embedded) / self.embed_seconds if self.embed_seconds else 0.0


def update_store(
    catalogue: Catalogue,
    store: PinStore,
    embedder: PinEmbedder,
    *,
    chunk: int,
    processes: int | None = None,
    max_deleted: float = 1.0,
    embed: Callable[[Iterable[pl.DataFrame]], Iterator[pa.Table]] | None = None,
) -> Update:
    """Bring a store up to date; commits as it goes, and marks the end.

    Args:
        catalogue: all pins there are; those that only the store holds are deleted.
        store: of the embedder's origin.
        embedder: embeds.
        chunk: pins a commit.
        processes: that render and hash, as :func:`find_difference` takes them.
        max_deleted: share of the store's pins that may be deleted; a catalogue that lacks more is
            taken for an incomplete one.
        embed: makes the store's rows of chunks, in their order, as ``embedder`` does, which is
            what does it without.

    Raises:
        DatasetError: if the catalogue holds no pin or one twice, cannot be read, or lacks too many
            of the store's pins; nothing was written then.
        DiskFullError: if the disk has no room for the embeddings; nothing was written then.
    """
    started = time.monotonic()
    found = find_difference(catalogue, store, embedder.keys, processes=processes)
    scanned = time.monotonic()
    logger.info(
        "%d pins: %d new, %d changed, %d refreshed, %d deleted",
        found.pins, len(found.new), len(found.changed), len(found.refreshed), len(found.deleted),
    )  # fmt: skip
    if (refused := refusal(catalogue, found, max_deleted)) is not None:
        raise DatasetError(refused)
    wanted = found.embedded
    if "://" not in store.place:
        needed = len(wanted) * store.origin.width * _FP32
        require_room(Path(store.place), needed, f"the pin store of {len(wanted):,} embeddings")
    chunks = _chunks(catalogue.rows(wanted), chunk)
    made = map(embedder.rows, chunks) if embed is None else embed(chunks)
    for rows in track(made, "embedding pins", total=len(wanted), unit="pins", weights=len):
        store.merge(rows)
    embedded = time.monotonic()
    for pins in _chunks(catalogue.rows(found.refreshed), chunk):
        store.merge(embedder.texts_only(pins))
    if found.deleted:
        store.bury(found.deleted)
    store.tidy()
    store.finish()
    return Update(found, scanned - started, embedded - scanned, store.version)


def refusal(catalogue: Catalogue, found: Difference, max_deleted: float) -> str | None:
    """Return why an update would not be made, or None if it would."""
    if found.deleted_share <= max_deleted:
        return None
    return (
        f"{catalogue.place} lacks {len(found.deleted):,} pins that the store holds, "
        f"{found.deleted_share:.0%} of it; up to {max_deleted:.0%} may be deleted at once. Is it "
        "the whole catalogue? If so, allow more with --max-deleted, or --set pins.max_deleted=…"
    )


def _chunks(frames: Iterator[pl.DataFrame], size: int) -> Iterator[pl.DataFrame]:
    """Yield the rows of some frames again, ``size`` at a time."""
    held: list[pl.DataFrame] = []
    count = 0
    for frame in frames:
        held.append(frame)
        count += len(frame)
        while count >= size:
            rows = pl.concat(held)
            yield rows[:size]
            held, count = [rows[size:]], count - size
    if count:
        yield pl.concat(held)
