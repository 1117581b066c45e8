"""What a request's pins cost beside the query encoder: looking them up, and scoring them.

Both hang on the width of the embeddings and on nothing that the embeddings say. So they are
measured on a snapshot of the dataset's pins, with their ids and terms, whose embeddings are drawn
at random.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.artifacts import hash_files, write_json
from pintower.contracts import BuiltGraph
from pintower.export.timing import Call
from pintower.models.onnx_session import open_graph
from pintower.models.student import Student
from pintower.snapshot import Snapshot, SnapshotSizes, SnapshotWriter, hash_ids
from pintower.text.forward_index import build_forward_index

__all__ = ["MOST_PINS", "PinCost"]

MOST_PINS = 200_000
"""Pins of a snapshot that is written to be measured, at most."""


@dataclass(frozen=True)
class PinCost:
    """A snapshot of a width, and a scorer over it.

    Attributes:
        snapshot: open.
        snapshot_bytes: of all its files.
        scorer: the built graph.
        folder: where the graph lies.
    """

    snapshot: Snapshot
    snapshot_bytes: int
    scorer: BuiltGraph
    folder: Path

    @classmethod
    def of(
        cls, student: Student, scorer: BuiltGraph, pins: pl.DataFrame, folder: Path
    ) -> "PinCost":
        """Write a snapshot in fp32 of a student's width.

        Args:
            student: gives width and corpus statistics.
            scorer: its graph.
            pins: rows of the pins table, :data:`MOST_PINS` at most.
            folder: of the graph; the snapshot goes into its ``snapshot/``.
        """
        place = folder / "snapshot"
        place.mkdir()
        ids = np.array([pin_id.encode() for pin_id in pins["pin_id"]], dtype=np.bytes_)
        order = np.lexsort((ids, hash_ids(ids)))
        index = build_forward_index(pins[order].iter_rows(named=True))
        width = student.head.width
        sizes = SnapshotSizes(
            len(ids), width, ids.dtype.itemsize, len(index.ids), len(index.title_ids)
        )
        info = {"space_id": "drawn at random", "artifact_id": "drawn at random"}
        with SnapshotWriter(place, sizes, "fp32", student.statistics, info) as writer:
            writer.append(ids[order], _unit_rows(len(ids), width), index)
        write_json(place / "manifest.json", {"files": hash_files(place)})
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        return cls(Snapshot.open(place), size, scorer, folder)

    def look_up(self, requests: NDArray[np.int64]) -> Call:
        """Return the look-up of requests: their rows INT64 [R, N] stand for as many ids."""

        def run(ids: list[bytes]) -> NDArray[np.float32]:
            return self.snapshot.embeddings(self.snapshot.look_up(ids)[0])

        return Call(run, [(self.snapshot.ids[rows].tolist(),) for rows in requests])

    def score(self, requests: NDArray[np.int64]) -> Call:
        """Return the scoring of requests: their rows INT64 [R, N], one query each."""
        graph = open_graph(self.folder / self.scorer.file, self.scorer)
        queries = _unit_rows(len(requests), self.snapshot.width)
        inputs = []
        for query, rows in zip(queries, requests, strict=True):
            pins, matches = self.snapshot.features("", self.snapshot.ids[rows].tolist())
            inputs.append((query[None], pins, matches))
        return Call(graph.run, inputs)


def _unit_rows(count: int, width: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(0).standard_normal((count, width), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
