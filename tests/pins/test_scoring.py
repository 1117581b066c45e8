"""The pins that a snapshot's precision is measured on stay the same as the catalogue moves on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.pins import scoring
from pintower.pins.embedder import PinEmbedder
from pintower.pins.scoring import draw_rows
from pintower.pins.store import PinStore
from pintower.snapshot import hash_ids


def drawn(store: PinStore) -> list[str]:
    ids: list[str] = draw_rows(store)["pin_id"].to_pylist()
    return ids


def first_by_hash(pin_ids: Sequence[str], count: int) -> list[str]:
    hashes = hash_ids(np.array([pin_id.encode() for pin_id in pin_ids]))
    return [pin_ids[row] for row in np.argsort(hashes)[:count]]


def test_a_new_a_changed_and_a_gone_pin_move_at_most_one_each(
    tmp_path: Path, embedder: PinEmbedder, pins: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "_PINS", 15)
    store = PinStore.open(tmp_path / "store", embedder.origin, create=True)
    for part in (pins[:20], pins[20:]):
        store.merge(embedder.rows(part))
    ids = pins["pin_id"].to_list()
    assert drawn(store) == first_by_hash(ids, 15)
    changed = pins.filter(pl.col("pin_id") == drawn(store)[3]).with_columns(title=pl.lit("new"))
    store.merge(embedder.rows(changed))  # its row is the last one of the store now
    assert drawn(store) == first_by_hash(ids, 15)
    assert "new" in draw_rows(store)["title"].to_pylist()
    gone = drawn(store)[0]
    store.bury([gone])
    assert drawn(store) == first_by_hash([pin_id for pin_id in ids if pin_id != gone], 15)
