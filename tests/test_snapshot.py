from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pintower.snapshot import PinIds, Snapshot, write_snapshot
from pintower.text.forward_index import build_forward_index
from pintower.text.match_features import fit_statistics

PINS = [{"pin_id": name, "title": f"pin {name}"} for name in ("a", "bb", "é")]


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    write(tmp_path, [pin["pin_id"] for pin in PINS])
    (tmp_path / "manifest.json").write_text("{}")
    return Snapshot.open(tmp_path)


def write(folder: Path, ids: list[str]) -> None:
    write_snapshot(
        folder,
        ids=ids,
        embeddings=np.arange(6, dtype=np.float32).reshape(3, 2),
        index=build_forward_index(PINS),
        statistics=fit_statistics(PINS),
        info={"space_id": "s", "artifact_id": "a"},
    )


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
    for ids in ([b"bb", b"xx"], [b"a", b"b"], [b"bbb", b"aaa"], ["é".encode(), b"bb"]):
        rows, known = snapshot.look_up(as_array(ids))
        assert known.tolist() == snapshot.look_up(ids)[1].tolist()
        assert [bytes(snapshot.ids[row]) for row in rows[known]] == [
            one for one, there in zip(ids, known, strict=True) if there
        ]


def test_no_ids_give_no_rows(snapshot: Snapshot) -> None:
    embeddings, features = snapshot.features("pin", [])
    assert embeddings.shape == (0, 2)
    assert features.shape[0] == 0


def test_unsorted_or_repeated_ids_are_refused(tmp_path: Path) -> None:
    for ids in (["bb", "a", "é"], ["a", "a", "é"]):
        with pytest.raises(ValueError, match="sorted"):
            write(tmp_path, ids)


def test_a_snapshot_without_manifest_is_refused(tmp_path: Path) -> None:
    write(tmp_path, ["a", "bb", "é"])
    with pytest.raises(ValueError, match="not a complete snapshot"):
        Snapshot.open(tmp_path)
