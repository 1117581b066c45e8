from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pintower.artifacts import hash_files, write_json
from pintower.snapshot import (
    PinIds,
    Precision,
    Snapshot,
    SnapshotSizes,
    SnapshotWriter,
    hash_ids,
    shard_of,
)
from pintower.text.forward_index import build_forward_index
from pintower.text.match_features import fit_statistics

IDS = ["a", "bb", "é"]


def write(folder: Path, ids: list[str], precision: Precision = "fp32", parts: int = 1) -> Path:
    """Write a snapshot whose embeddings are [0, 1], [2, 3] and so on, in the order given."""
    encoded = np.array([pin_id.encode() for pin_id in ids])
    order = np.argsort(hash_ids(encoded))
    pins = [{"pin_id": ids[row], "title": f"pin {ids[row]}"} for row in order]
    embeddings = np.arange(2 * len(ids), dtype=np.float32).reshape(-1, 2)[order]
    index = build_forward_index(pins)
    longest = max(map(len, encoded))
    sizes = SnapshotSizes(len(ids), 2, longest, len(index.ids), len(index.title_ids))
    statistics = fit_statistics(pins)
    folder.mkdir(exist_ok=True)
    with SnapshotWriter(folder, sizes, precision, statistics, {"space_id": "s"}) as writer:
        for rows in np.array_split(np.arange(len(ids)), parts):
            part = build_forward_index(pins[row] for row in rows)
            writer.append(encoded[order][rows], embeddings[rows], part)
    write_json(folder / "manifest.json", {"files": hash_files(folder)})
    return folder


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return Snapshot.open(write(tmp_path, IDS))


def test_ids_are_found_in_any_order_with_repeats(snapshot: Snapshot) -> None:
    embeddings, features = snapshot.features("pin", ["é".encode(), b"a", b"a"])
    np.testing.assert_array_equal(embeddings, [[4, 5], [0, 1], [0, 1]])
    assert np.isfinite(features).all()


@pytest.mark.parametrize(
    "unknown", [b"", b"aa", b"\xff\xfe", b"a" * 1_000_000, b"bbb", b"a\x00b", b"a\x00"]
)
def test_an_unknown_id_gives_nan_rows_and_disturbs_no_other(
    snapshot: Snapshot, unknown: bytes
) -> None:
    embeddings, features = snapshot.features("pin", [unknown, b"bb"])
    assert np.isnan(embeddings[0]).all()
    assert np.isnan(features[0]).all()
    np.testing.assert_array_equal(embeddings[1], [2, 3])
    alone, _ = snapshot.features("pin", [unknown])
    assert np.isnan(alone).all()


@pytest.mark.parametrize("as_array", [np.array, lambda ids: np.array(ids, dtype=object)])
def test_ids_in_an_array_are_looked_up_like_a_list(
    snapshot: Snapshot, as_array: Callable[[list[bytes]], PinIds]
) -> None:
    long = b"a" * 40
    for ids in (
        [b"bb", b"xx"],
        [b"a", b"b"],
        [b"bbb", b"aaa"],
        ["é".encode(), b"bb"],
        [long, b"a"],
    ):
        rows, known = snapshot.look_up(as_array(ids))
        assert known.tolist() == snapshot.look_up(ids)[1].tolist()
        assert [bytes(snapshot.ids[row]) for row in rows[known]] == [
            one for one, there in zip(ids, known, strict=True) if there
        ]


def test_no_ids_give_no_rows(snapshot: Snapshot) -> None:
    embeddings, features = snapshot.features("pin", [])
    assert embeddings.shape == (0, 2)
    assert features.shape[0] == 0


def test_every_one_of_many_ids_is_found_and_no_other(tmp_path: Path) -> None:
    ids = [f"pin-{number * 7:x}" for number in range(20_000)]
    snapshot = Snapshot.open(write(tmp_path, ids, parts=7))
    rows, known = snapshot.look_up([pin_id.encode() for pin_id in ids])
    assert known.all()
    np.testing.assert_array_equal(snapshot.embeddings(rows)[:, 0], 2 * np.arange(len(ids)))
    absent = {f"pin-{number:x}" for number in range(60_000)} - set(ids)
    assert not snapshot.look_up([pin_id.encode() for pin_id in absent])[1].any()
    _, features = snapshot.features(f"pin {ids[9]}", [ids[9].encode(), ids[8].encode()])
    assert features[0].sum() > features[1].sum()


def test_parts_make_the_same_files_as_one_write(tmp_path: Path) -> None:
    ids = [f"pin-{number}" for number in range(100)]
    whole, parts = (write(tmp_path / str(n), ids, parts=n) for n in (1, 9))
    assert hash_files(whole) == hash_files(parts)


def test_a_hash_does_not_depend_on_the_width_of_the_array() -> None:
    ids = [b"a", b"12345678", b"123456789", b""]
    hashes = hash_ids(np.array(ids))
    np.testing.assert_array_equal(hashes, hash_ids(np.array(ids, "S255")))
    assert len(set(hashes.tolist())) == len(ids)


def test_shards_share_the_ids_evenly() -> None:
    ids = np.array([f"pin-{number}".encode() for number in range(30_000)])
    counts = np.bincount(shard_of(ids, 3), minlength=3)
    assert counts.sum() == len(ids)
    assert (abs(counts - 10_000) < 400).all()


@pytest.mark.parametrize(("precision", "error"), [("fp32", 0), ("fp16", 1e-3), ("int8", 1 / 254)])
def test_a_precision_keeps_embeddings_within_its_step(
    tmp_path: Path, precision: Precision, error: float
) -> None:
    ids = [f"pin-{number}" for number in range(50)]
    snapshot = Snapshot.open(write(tmp_path, ids, precision))
    rows, _ = snapshot.look_up([pin_id.encode() for pin_id in ids])
    wanted = np.arange(100, dtype=np.float32).reshape(-1, 2)
    found = snapshot.embeddings(rows)
    assert found.dtype == np.float32
    assert (abs(found - wanted) <= 1.001 * error * wanted.max(axis=1, keepdims=True)).all()
    assert snapshot.info["precision"] == precision


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_an_embedding_that_is_not_finite_stays_so(tmp_path: Path, precision: Precision) -> None:
    index = build_forward_index([{"title": "x"}])
    sizes = SnapshotSizes(1, 2, 1, len(index.ids), len(index.title_ids))
    with SnapshotWriter(tmp_path, sizes, precision, fit_statistics([]), {}) as writer:
        writer.append(np.array([b"a"]), np.array([[1, np.inf]], np.float32), index)
    write_json(tmp_path / "manifest.json", {"files": {}})
    embeddings, _ = Snapshot.open(tmp_path).features("x", [b"a"])
    assert not np.isfinite(embeddings).all()


def test_unordered_or_repeated_ids_are_refused(tmp_path: Path) -> None:
    ids = np.array([b"a", b"b"])
    wrong = ids[np.argsort(hash_ids(ids))[::-1]]
    index = build_forward_index([{"title": "x"}, {"title": "y"}])
    sizes = SnapshotSizes(2, 2, 1, 2, 2)
    for given in (wrong, np.array([b"a", b"a"])):
        with (
            pytest.raises(ValueError, match="in the order of their hashes"),
            SnapshotWriter(tmp_path, sizes, "fp32", fit_statistics([]), {}) as writer,
        ):
            writer.append(given, np.zeros((2, 2), np.float32), index)


def test_a_snapshot_with_fewer_pins_than_announced_is_refused(tmp_path: Path) -> None:
    sizes = SnapshotSizes(2, 2, 1, 0, 0)
    with (
        pytest.raises(ValueError, match="announced"),
        SnapshotWriter(tmp_path, sizes, "fp32", fit_statistics([]), {}),
    ):
        pass


def test_a_snapshot_without_manifest_is_refused(tmp_path: Path) -> None:
    (write(tmp_path, IDS) / "manifest.json").unlink()
    with pytest.raises(ValueError, match="not a complete snapshot"):
        Snapshot.open(tmp_path)


def test_a_flipped_byte_in_any_file_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, IDS, "int8")
    snapshot = Snapshot.open(folder)
    snapshot.verify()
    for name in hash_files(folder):
        path = folder / name
        before = path.read_bytes()
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        with pytest.raises(ValueError, match=f"{path.name} is not the file"):
            snapshot.verify()
        path.write_bytes(before)
