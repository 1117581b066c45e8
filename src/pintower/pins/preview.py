"""What an update would do and cost, before it is done."""

import time
from dataclasses import dataclass

import numpy as np
import polars as pl

from pintower.data.catalogue import Catalogue
from pintower.pins.difference import Difference, find_difference
from pintower.pins.embedder import PinEmbedder
from pintower.pins.store import PinStore

__all__ = ["Preview", "preview_update"]

_SAMPLE = 1_024


@dataclass(frozen=True)
class Preview:
    """An update that was not made.

    Attributes:
        difference: between catalogue and store.
        pins_per_second: at which a sample of the pins to embed was embedded on this machine; None
            where there is none to embed.
    """

    difference: Difference
    pins_per_second: float | None

    @property
    def seconds(self) -> float:
        """How long embedding would take on this machine."""
        rate = self.pins_per_second
        return len(self.difference.embedded) / rate if rate else 0.0

    def cost(self, hourly_price: float) -> float:
        """Return what that costs, in the currency of a machine's price an hour."""
        return self.seconds / 3600 * hourly_price


def preview_update(
    catalogue: Catalogue,
    store: PinStore | None,
    embedder: PinEmbedder,
    *,
    processes: int | None = None,
) -> Preview:
    """Compare catalogue and store, and time the encoder; nothing is written.

    Args:
        catalogue: all pins there are.
        store: None stands for an empty one.
        embedder: embeds the sample.
        processes: that render and hash, as :func:`find_difference` takes them.

    Raises:
        DatasetError: if the catalogue holds no pin or one twice, or cannot be read.
    """
    found = find_difference(catalogue, store, embedder.keys, processes=processes)
    wanted = found.embedded
    if not len(wanted):
        return Preview(found, None)
    drawn = np.random.default_rng(0).choice(wanted, min(_SAMPLE, len(wanted)), replace=False)
    sample = pl.concat(list(catalogue.rows(np.sort(drawn))))
    embedder.rows(sample[:8])  # the first run of a graph is slower
    started = time.perf_counter()
    embedder.rows(sample)
    return Preview(found, len(sample) / (time.perf_counter() - started))
