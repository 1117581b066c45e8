"""Updating a store, with a graph of the tiny student."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import lance
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from pintower.config import ChangeRule
from pintower.data.catalogue import open_catalogue
from pintower.errors import DatasetError, InputError, RepositoryError
from pintower.pins import difference
from pintower.pins.embedder import PinEmbedder
from pintower.pins.preview import preview_update
from pintower.pins.store import Origin, PinStore
from pintower.pins.update import Update, update_store

Change = Sequence[tuple[str, str, object]]


def with_rule(embedder: PinEmbedder, **rule: object) -> PinEmbedder:
    keys = embedder.keys
    changed = type(keys)(keys.rendering, ChangeRule(**rule), keys.columns)
    return PinEmbedder(embedder.origin, embedder.encoder, changed, embedder.batch_tokens)


def update(
    folder: Path, pins: pl.DataFrame, embedder: PinEmbedder, *, chunk: int = 10, processes: int = 0
) -> Update:
    path = folder / "pins.parquet"
    pins.write_parquet(path)
    store = PinStore.open(folder / "store", embedder.origin, create=True)
    catalogue = open_catalogue(str(path), ["graph_vector"])
    return update_store(catalogue, store, embedder, chunk=chunk, processes=processes)


def rows(folder: Path, origin: Origin, *, finished: bool = True) -> pa.Table:
    """Return the store's rows in the order of the ids."""
    store = PinStore.open(folder / "store", origin)
    dataset = (store.finished() if finished else store).dataset
    return dataset.to_table().sort_by("pin_id")


def counts(update: Update) -> dict[str, int]:
    found = update.difference
    named = {
        "new": found.new,
        "changed": found.changed,
        "refreshed": found.refreshed,
        "ignored": found.ignored,
        "deleted": found.deleted,
    }
    return {name: len(held) for name, held in named.items() if len(held)}


def edit(pins: pl.DataFrame, *changes: tuple[str, str, object]) -> pl.DataFrame:
    """Put values in the place of others: (pin id, column, value)."""
    for pin_id, column, value in changes:
        kind = pins.schema[column]
        new = pl.when(pl.col("pin_id") == pin_id).then(pl.lit(value, dtype=kind))
        pins = pins.with_columns(new.otherwise(column).alias(column))
    return pins


def test_what_changed_is_embedded_and_nothing_else(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder
) -> None:
    assert counts(update(tmp_path, pins, embedder)) == {"new": 42}
    before = rows(tmp_path, embedder.origin)
    changed = edit(
        pins.filter(pl.col("pin_id") != "pin-004"),
        ("pin-001", "title", "quite another title"),
        ("pin-002", "graph_vector", [9.0, 9.0, 9.0, 9.0]),
    )
    more = pins[:1].with_columns(pin_id=pl.lit("pin-900"))
    found = update(tmp_path, pl.concat([changed, more]), embedder)
    assert counts(found) == {"new": 1, "changed": 2, "deleted": 1}
    after = rows(tmp_path, embedder.origin)
    old, new = ({row["pin_id"]: row for row in table.to_pylist()} for table in (before, after))
    differing = {pin_id for pin_id in new if new[pin_id] != old.get(pin_id)}
    assert differing == {"pin-001", "pin-002", "pin-004", "pin-900"}
    assert new["pin-004"]["deleted"]
    assert new["pin-004"]["embedding"] is None
    assert counts(update(tmp_path, pl.concat([changed, more]), embedder)) == {}


def test_a_deleted_pin_that_comes_back_is_embedded_again(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder
) -> None:
    update(tmp_path, pins, embedder)
    before = rows(tmp_path, embedder.origin)
    assert counts(update(tmp_path, pins[1:], embedder)) == {"deleted": 1}
    assert counts(update(tmp_path, pins[1:], embedder)) == {}
    assert counts(update(tmp_path, pins, embedder)) == {"new": 1}
    after = rows(tmp_path, embedder.origin)
    assert after.drop("embedding").equals(before.drop("embedding"))


def test_text_that_the_encoder_never_sees_refreshes_the_terms_only(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder
) -> None:
    long = edit(pins, ("pin-001", "description", "word " * 60 + "tail"))
    update(tmp_path, long, embedder)
    before = rows(tmp_path, embedder.origin).to_pylist()
    changed = edit(pins, ("pin-001", "description", "word " * 60 + "other"))
    assert counts(update(tmp_path, changed, embedder)) == {"refreshed": 1}
    after = rows(tmp_path, embedder.origin).to_pylist()
    (differing,) = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert {name for name in differing[0] if differing[0][name] != differing[1][name]} == {
        "terms",
        "terms_key",
    }
    assert counts(update(tmp_path, changed, embedder)) == {}


@pytest.mark.parametrize(
    ("rule", "change", "wanted"),
    [
        ({}, ("title", "BLUE sofa, number 1!"), "changed"),
        ({"fold_text": True}, ("title", "BLUE sofa, number 1!"), "ignored"),
        ({"fold_text": True}, ("title", "blue sofas number 1"), "changed"),
        ({"ignored_sources": ["board_titles"]}, ("board_titles", ["mine"]), "ignored"),
        ({"ignored_sources": ["board_titles"]}, ("caption", "mine"), "changed"),
        ({"vector_tolerance": 0.1}, ("graph_vector", [1.0, 1.1, -1.0, 0.5]), "ignored"),
        ({"vector_tolerance": 0.1}, ("graph_vector", [1.0, 1.3, -1.0, 0.5]), "changed"),
        ({}, ("graph_vector", [1.0, 1.001, -1.0, 0.5]), "changed"),
    ],
)
def test_the_rule_says_which_changes_count(
    tmp_path: Path,
    pins: pl.DataFrame,
    embedder: PinEmbedder,
    rule: dict[str, object],
    change: tuple[str, object],
    wanted: str,
) -> None:
    ruled = with_rule(embedder, **rule)
    update(tmp_path, pins, ruled)
    before = rows(tmp_path, embedder.origin)
    found = counts(update(tmp_path, edit(pins, ("pin-001", *change)), ruled))
    assert found.get(wanted) == 1
    assert ("changed" in found) == (wanted == "changed")
    after = rows(tmp_path, embedder.origin)
    of_inputs = ["text_key", "vector_key", "vectors", "embedding"]
    assert after.select(of_inputs).equals(before.select(of_inputs)) == (wanted == "ignored")


def test_small_steps_do_not_add_up_unseen(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder
) -> None:
    ruled = with_rule(embedder, vector_tolerance=0.1)
    update(tmp_path, pins, ruled)
    found = []
    for step in (1.1, 1.2):  # each within the tolerance of the one before
        moved = edit(pins, ("pin-001", "graph_vector", [1.0, step, -1.0, 0.5]))
        found.append(counts(update(tmp_path, moved, ruled)))
    assert found == [{"ignored": 1}, {"changed": 1}]


def test_another_rule_embeds_nothing_that_is_the_same(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder
) -> None:
    update(tmp_path, pins, embedder)
    folding = with_rule(embedder, fold_text=True)
    # Two pins have no text or none that folding changes, so their keys are the same.
    assert counts(update(tmp_path, pins, folding)) == {"refreshed": 40}
    assert counts(update(tmp_path, pins, folding)) == {}
    louder = edit(pins, ("pin-001", "title", "BLUE SOFA NUMBER 1"))
    assert counts(update(tmp_path, louder, folding)) == {"ignored": 1, "refreshed": 1}


def test_an_update_killed_at_any_commit_ends_as_one_that_was_not(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    update(whole, pins[2:], embedder)
    before = rows(whole, embedder.origin)
    changed = edit(pins[:40], ("pin-006", "title", "new"), ("pin-009", "board_titles", ["x"] * 9))
    update(whole, changed, embedder, chunk=3)
    wanted = rows(whole, embedder.origin)
    merge = PinStore.merge
    for allowed in range(3):  # two chunks and the tombstones
        folder = tmp_path / str(allowed)
        folder.mkdir()
        update(folder, pins[2:], embedder)
        done: list[int] = []

        def killed(store: PinStore, table: pa.Table, done: list[int] = done) -> None:
            if len(done) == allowed:  # noqa: B023
                raise KeyboardInterrupt
            merge(store, table)
            done.append(len(table))

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(PinStore, "merge", killed)
            update(folder, changed, embedder, chunk=3)
        assert rows(folder, embedder.origin).equals(before)  # all that a reader gets
        update(folder, changed, embedder, chunk=3)
        assert rows(folder, embedder.origin).equals(wanted)


def test_two_writers_at_once_lose_and_double_nothing(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder
) -> None:
    update(tmp_path, pins[:10], embedder)
    first = PinStore.open(tmp_path / "store", embedder.origin)
    second = PinStore.open(tmp_path / "store", embedder.origin)
    first.merge(embedder.rows(pins[5:30]))
    second.merge(embedder.rows(pins[20:42]))
    second.bury([str(pins["pin_id"][0])])
    table = rows(tmp_path, embedder.origin, finished=False)
    assert len(table) == 42
    assert len(set(table["pin_id"].to_pylist())) == 42
    assert sum(table["deleted"].to_pylist()) == 1


def test_processes_find_the_same_difference(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder
) -> None:
    ruled = with_rule(embedder, vector_tolerance=0.1, fold_text=True)
    assert counts(update(tmp_path, pins, ruled, processes=2)) == {"new": 42}
    assert counts(update(tmp_path, pins, ruled)) == {}


def test_a_preview_counts_and_times_and_writes_nothing(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder
) -> None:
    pins.write_parquet(tmp_path / "pins.parquet")
    catalogue = open_catalogue(str(tmp_path / "pins.parquet"), ["graph_vector"])
    preview = preview_update(catalogue, None, embedder, processes=0)
    assert len(preview.difference.new) == 42
    assert preview.seconds == pytest.approx(42 / preview.pins_per_second)
    assert preview.cost(3_600) == pytest.approx(preview.seconds)
    assert not (tmp_path / "store").exists()
    update(tmp_path, pins, embedder)
    held = PinStore.open(tmp_path / "store", embedder.origin)
    assert preview_update(catalogue, held, embedder, processes=0).seconds == 0


def test_a_pin_that_stands_twice_is_refused_before_anything_is_written(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder
) -> None:
    with pytest.raises(DatasetError, match="stands twice"):
        update(tmp_path, pl.concat([pins, pins[:1]]), embedder)
    assert not len(rows(tmp_path, embedder.origin, finished=False))


def test_a_store_of_another_space_is_refused_naming_both(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder
) -> None:
    update(tmp_path, pins, embedder)
    ours = embedder.origin
    other = Origin("another", ours.artifact_id, ours.width, ours.vector_width)
    with pytest.raises(RepositoryError, match=f"space_id {ours.space_id}.*has another"):
        PinStore.open(tmp_path / "store", other)


def test_stores_of_two_encoders_lie_side_by_side(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder
) -> None:
    update(tmp_path, pins, embedder)
    ours = embedder.origin
    other = Origin("another", "f" * 64, ours.width, ours.vector_width)
    PinStore.open(tmp_path / "store", other, create=True)
    assert len(rows(tmp_path, ours)) == 42


def test_a_store_that_was_never_filled_to_the_end_is_not_read(
    tmp_path: Path, embedder: PinEmbedder
) -> None:
    with pytest.raises(InputError, match="no pin store"):
        PinStore.open(tmp_path / "store", embedder.origin)
    store = PinStore.open(tmp_path / "store", embedder.origin, create=True)
    with pytest.raises(InputError, match="never filled"):
        store.finished()


def test_many_small_commits_are_joined(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pintower.pins.store._MANY_FRAGMENTS", 8)
    update(tmp_path, pins, embedder, chunk=2)
    store = PinStore.open(tmp_path / "store", embedder.origin).finished()
    assert len(store.dataset.get_fragments()) == 1
    assert store.dataset.count_rows() == 42


def test_a_join_beyond_memory_spills(
    tmp_path: Path, pins: pl.DataFrame, embedder: PinEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(difference, "_MEMORY", "40MB")
    update(tmp_path, pins, embedder)
    keys = embedder.keys
    many = pl.concat(
        pins.with_columns(pin_id=pl.col("pin_id") + f"-{copy}") for copy in range(2_000)
    )
    many.write_parquet(tmp_path / "many.parquet")
    store = PinStore.open(tmp_path / "store", embedder.origin)
    catalogue = open_catalogue(str(tmp_path / "many.parquet"), ["graph_vector"])
    found = difference.find_difference(catalogue, store, keys, processes=0)
    assert (len(found.new), len(found.deleted)) == (84_000, 42)
    assert (np.diff(found.new) == 1).all()
    assert lance.dataset(store.place).count_rows() == 42


def test_a_title_made_of_text_is_without_the_pin_prefix(
    embedder: PinEmbedder, pins: pl.DataFrame
) -> None:
    rendering = replace(embedder.keys.rendering, pin_prefix="passage: ")
    prefixed = replace(embedder, keys=replace(embedder.keys, rendering=rendering))
    found = prefixed.texts_only(pins).select(["pin_id", "title"]).to_pydict()
    titles = dict(zip(found["pin_id"], found["title"], strict=True))
    assert titles["\u00e9-first"].startswith("one two three")
