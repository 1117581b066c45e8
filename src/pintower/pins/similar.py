"""The embeddings reused: a pin's or a text's nearest pins, exactly or through an index."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pintower.errors import InputError
from pintower.pins.store import PinStore

__all__ = ["Recall", "Similar", "build_index", "embedding_of", "measure_recall", "nearest"]

_INDEX = "embedding_idx"
_LEAST_PINS = 1_000
_PROBES = 16
_REFINE = 10


@dataclass(frozen=True)
class Similar:
    """A pin near a point of the space.

    Attributes:
        pin_id: the pin.
        title: its title.
        cosine: of its embedding and the point's.
    """

    pin_id: str
    title: str
    cosine: float


@dataclass(frozen=True)
class Recall:
    """How much of the exact neighbours an index finds.

    Attributes:
        queries: pins whose neighbours were looked for.
        neighbours: of each.
        recall: share of the exact ones that the index found.
    """

    queries: int
    neighbours: int
    recall: float


def embedding_of(store: PinStore, pin_id: str) -> NDArray[np.float32]:
    """Return a pin's embedding FP32 [D].

    Raises:
        InputError: if the store holds no such pin.
    """
    found = store.rows_of([pin_id], ["embedding", "pin_id"])
    if not len(found):
        raise InputError(
            f"The pin store {store.place} holds no pin {pin_id!r}. `pintower pins export` lists "
            "the ids that it holds; for a text give --text."
        )
    return np.array(found["embedding"][0].as_py(), np.float32)


def nearest(
    store: PinStore, point: NDArray[np.float32], count: int, *, exact: bool = False
) -> list[Similar]:
    """Return the pins whose embeddings have the highest cosine with a point, best first.

    Args:
        store: whose pins.
        point: FP32 [D].
        count: how many; a store of fewer pins gives all.
        exact: look at every pin, though there is an index.
    """
    table = _search(store, point, count, exact=exact, columns=["pin_id", "title"])
    return [
        Similar(str(row["pin_id"]), str(row["title"]), 1 - float(row["_distance"]))
        for row in table.to_pylist()
    ]


def build_index(store: PinStore) -> None:
    """Build Lance's approximate index (IVF-PQ) over the embeddings of a finished store; a commit.

    Raises:
        InputError: if there are too few pins for one, or an update goes on or was killed.
    """
    if store.unfinished:
        raise InputError(
            f"An update of {store.place} goes on, or was killed. Let it come to its end, or run "
            "the command that fills the store again; then build the index."
        )
    before = store.version
    held = store.count(tombstones=False)
    if held < _LEAST_PINS:
        raise InputError(
            f"{store.place} holds {held} pins; an index needs {_LEAST_PINS}, and so few are "
            "searched exactly in no time."
        )
    store.dataset.create_index(
        "embedding",
        "IVF_PQ",
        name=_INDEX,
        metric="cosine",
        replace=True,
        num_partitions=max(1, round(held**0.5 / 4)),
        num_sub_vectors=_sub_vectors(store.origin.width),
    )
    store.reopen()
    if store.version == before + 1:  # else another writer was faster, and its end marks the index
        store.finish()


def measure_recall(store: PinStore, *, queries: int = 200, neighbours: int = 10) -> Recall:
    """Hold the index to exact search, with pins drawn from the store as queries."""
    held = store.count(tombstones=True)
    drawn = np.random.default_rng(7).choice(held, min(queries, held), replace=False)
    sample = store.take(np.sort(drawn), ["embedding", "deleted"])
    points = [row["embedding"] for row in sample.to_pylist() if not row["deleted"]]
    found = 0
    for point in points:
        given: Any = np.array(point, np.float32)
        ids = [
            set(
                _search(store, given, neighbours, exact=exact, columns=["pin_id"])[
                    "pin_id"
                ].to_pylist()
            )
            for exact in (True, False)
        ]
        found += len(ids[0] & ids[1])
    return Recall(len(points), neighbours, found / max(1, len(points) * neighbours))


def _search(
    store: PinStore,
    point: NDArray[np.float32],
    count: int,
    *,
    exact: bool,
    columns: Sequence[str],
) -> pa.Table:
    wanted = {
        "column": "embedding",
        "q": point,
        "k": count,
        "metric": "cosine",
        "use_index": not exact,
        "nprobes": _PROBES,
        "refine_factor": _REFINE,
    }
    return store.dataset.to_table(
        columns=[*columns, "_distance"], nearest=wanted, filter="NOT deleted", prefilter=True
    )


def _sub_vectors(width: int) -> int:
    """Return into how many parts of eight or fewer components a vector is cut."""
    return next(parts for parts in range(-(-width // 8), width + 1) if not width % parts)
