"""What an update would do and cost, before it is done."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pintower.artifacts import Manifest
from pintower.config import PinsConfig
from pintower.contracts import Contract
from pintower.data.catalogue import Catalogue, open_catalogue
from pintower.data.tables import PINS
from pintower.models.layout import StudentLayout
from pintower.models.pin_keys import PinKeys
from pintower.pins.columns import embedding_matrix
from pintower.pins.difference import Difference, find_difference
from pintower.pins.embedder import PinEmbedder
from pintower.pins.scoring import SCORED_COLUMNS, ScoredSample
from pintower.pins.stage import STORE
from pintower.pins.store import Origin, PinStore

__all__ = ["Ignored", "Preview", "seconds_by_last_run", "measure_ignored", "preview_update"]

_SAMPLE = 1_024
_IGNORED = 500
_FEW = 10
"""A rate is none for more than ten times the pins that it was measured on."""


@dataclass(frozen=True)
class Ignored:
    """What the change rule's leaving pins alone costs.

    Attributes:
        share: of the pins whose inputs changed, those that are left as they are.
        pins: of these, how many were looked at.
        score_mean: by which the changes would have moved the pins' scores, in levels, in the mean.
        score_max: at most.
    """

    share: float
    pins: int
    score_mean: float
    score_max: float


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


def measure_ignored(
    catalogue: Catalogue,
    store: PinStore,
    embedder: PinEmbedder,
    found: Difference,
    student: Path,
    export: Path,
) -> Ignored | None:
    """Score pins that the rule leaves alone as they are and as they would be; None without any.

    Args:
        catalogue: all pins there are.
        store: holds the pins as they were embedded.
        embedder: embeds them as they are now.
        found: between the two.
        student: its folder.
        export: the export folder.
    """
    if not len(found.ignored):
        return None
    count = min(_IGNORED, len(found.ignored))
    drawn = np.sort(np.random.default_rng(0).choice(found.ignored, count, replace=False))
    pins = pl.concat(list(catalogue.rows(drawn))).sort("pin_id")
    held = store.rows_of(pins["pin_id"].to_list(), SCORED_COLUMNS)
    now = embedding_matrix(embedder.rows(pins))
    changes = ScoredSample.of(held, student, export).changes(now)
    share = len(found.ignored) / (len(found.ignored) + len(found.changed))
    return Ignored(share, count, float(changes.mean()), float(changes.max()))


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


def seconds_by_last_run(
    config: PinsConfig, inputs: Mapping[str, Path], folder: Path, manifest: Manifest
) -> float | None:
    """Return how long the pins stage would take, by the rate of its last run; nothing is embedded.

    Args:
        config: of the stage.
        inputs: its folders; without ``export`` the encoder is to be another one, and every pin is
            embedded.
        folder: of the stage, the store beside it.
        manifest: of the last run.

    Returns:
        Seconds; None where that run embedded too few pins to tell a rate.

    Raises:
        DatasetError: if the catalogue cannot be read.
    """
    path = str(inputs["data"] / f"{PINS}.parquet")
    count = open_catalogue(path, []).count() or 0
    if "export" in inputs and config.runtime == "onnx":
        layout = StudentLayout(inputs["student"])
        keys = PinKeys(layout.load_rendering(), config.changes, layout.pin_columns())
        catalogue = open_catalogue(path, [str(column["name"]) for column in keys.columns])
        origin = Origin.of(Contract.load(inputs["export"] / "contract.json"))
        store = PinStore.find(config.store or str(folder.parent / STORE), origin)
        count = len(find_difference(catalogue, store, keys).embedded)
    rate, embedded = manifest.info["pins_per_second"], manifest.info["embedded"]
    if count > _FEW * embedded:
        return None
    return float(manifest.seconds + (count - embedded) / rate) if embedded else manifest.seconds
