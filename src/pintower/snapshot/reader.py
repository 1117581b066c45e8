"""An open snapshot: pin ids to embeddings and match features."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..text.forward_index import ForwardIndex
from ..text.match_features import FEATURES, MatchStatistics, match_features
from .identifiers import IdTable, PinIds
from .precision import PRECISIONS, restore_rows

__all__ = ["Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """An open snapshot of N pins with embeddings of width D.

    Attributes:
        folder: where it lies.
        info: what ``snapshot.json`` says.
        table: the ids, and where they stand.
        kept: FP32, FP16 or INT8 [N, D].
        scales: FP32 [N], with INT8.
        index: the pins' forward index.
        statistics: the frozen corpus statistics.
    """

    folder: Path
    info: dict[str, Any]
    table: IdTable
    kept: NDArray[np.generic]
    scales: NDArray[np.float32] | None
    index: ForwardIndex
    statistics: MatchStatistics

    @classmethod
    def open(cls, folder: Path) -> "Snapshot":
        """Map a snapshot's files.

        Raises:
            ValueError: if the folder is incomplete or its parts disagree.
        """
        if not (folder / "manifest.json").is_file():
            raise ValueError(f"{folder} is not a complete snapshot: it has no manifest.json")
        info = json.loads((folder / "snapshot.json").read_text("utf-8"))
        if info["precision"] not in PRECISIONS:
            raise ValueError(
                f"{folder} has embeddings in {info['precision']}, this code reads "
                f"{', '.join(PRECISIONS)}: a newer pintower made it; install that one"
            )
        snapshot = cls(
            folder=folder,
            info=info,
            table=IdTable(_map(folder, "ids"), _map(folder, "buckets")),
            kept=_map(folder, "embeddings"),
            scales=_map(folder, "scales") if info["precision"] == "int8" else None,
            index=ForwardIndex.load(folder),
            statistics=MatchStatistics.load(folder / "match_stats"),
        )
        lengths = {len(snapshot.ids), len(snapshot.kept), len(snapshot.index)}
        if snapshot.scales is not None:
            lengths.add(len(snapshot.scales))
        if lengths != {info["pins"]}:
            raise ValueError(f"{folder}: ids, embeddings and terms disagree on the number of pins")
        return snapshot

    def verify(self) -> None:
        """Read every file and hold it to the manifest.

        Raises:
            ValueError: naming the first file that is not as it was published.
        """
        files = json.loads((self.folder / "manifest.json").read_text("utf-8"))["files"]
        for name, wanted in files.items():
            with (self.folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != wanted:
                raise ValueError(
                    f"{self.folder / name} is not the file that was published: its SHA-256 is "
                    f"{found}, the manifest says {wanted}. Copy the "
                    "snapshot again, or build it again with `pintower pins snapshot`."
                )

    @property
    def ids(self) -> NDArray[np.bytes_]:
        """S [N], the pin ids."""
        return self.table.ids

    @property
    def width(self) -> int:
        """D of the embeddings."""
        return int(self.kept.shape[1])

    def embeddings(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the embeddings of some rows, FP32 [n, D]."""
        scales = None if self.scales is None else self.scales.take(rows)
        return restore_rows(self.kept.take(rows, axis=0), scales)

    def look_up(self, pin_ids: PinIds) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return each id's row and whether it is known, as :meth:`IdTable.find` does."""
        return self.table.find(pin_ids)

    def features(
        self, query: str, pin_ids: PinIds
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what the scorer takes of one query and n pins.

        Args:
            query: the query's text.
            pin_ids: known or not, n of them.

        Returns:
            Embeddings FP32 [n, D] and match features FP32 [n, F]. The rows of an unknown id are
            NaN, which the scorer answers with VALID = false.
        """
        rows, known = self.look_up(pin_ids)
        if not known.any():
            return (
                np.full((len(rows), self.width), np.nan, np.float32),
                np.full((len(rows), len(FEATURES)), np.nan, np.float32),
            )
        embeddings = self.embeddings(rows)
        matches = match_features(query, self.index, rows, self.statistics)
        if not known.all():
            embeddings[~known] = np.nan
            matches[~known] = np.nan
        return embeddings, matches


def _map(folder: Path, name: str) -> NDArray[Any]:
    """Open an array memory-mapped, so that every process shares it."""
    return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r"))
