"""What an estimate goes by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from pintower.artifacts import Manifest
from pintower.config import Recipe
from pintower.data.tables import IMPRESSIONS, JUDGMENTS, PINS, QUERY_LOG, read_table
from pintower.estimates.pace import Pace

__all__ = ["Seconds", "Situation"]

Seconds = tuple[float, float]
"""At least and at most, as what comes before turns out; the same where that changes nothing."""


@dataclass(frozen=True)
class Situation:
    """What is known of a stage before it runs.

    Attributes:
        recipe: with its encoders settled.
        inputs: folders that the stage reads and that are as they will be; ``data`` is one.
        folder: of the stage.
        manifest: of its last run, if there is one.
        measure: measures the pace of this machine, once.
    """

    recipe: Recipe
    inputs: Mapping[str, Path]
    folder: Path
    manifest: Manifest | None
    measure: Callable[[], Pace]

    @property
    def pace(self) -> Pace:
        """How long one text, pair or step takes here."""
        return self.measure()

    @cached_property
    def judgments(self) -> pl.DataFrame:
        """The judgments."""
        return read_table(self.inputs["data"], JUDGMENTS)

    @cached_property
    def pins(self) -> int:
        """Pins in the catalogue."""
        path = self.inputs["data"] / f"{PINS}.parquet"
        return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())

    @cached_property
    def queries(self) -> int:
        """Distinct queries: judged, shown or logged."""
        tables = (
            read_table(self.inputs["data"], name) for name in (JUDGMENTS, IMPRESSIONS, QUERY_LOG)
        )
        return pl.concat([table["query"] for table in tables]).n_unique()

    def judged(self, *splits: str) -> pl.DataFrame:
        """Return the judgments of some splits."""
        return self.judgments.filter(pl.col("split").is_in(splits))

    def reading(self, table: pl.DataFrame, *, plain: bool = False) -> float:
        """Return the seconds it takes to embed the distinct queries and pins of some pairs.

        Args:
            table: ``query`` and ``pin_id`` of the pairs.
            plain: in fp32, whatever the recipe says.
        """
        pace = self.pace
        slower = pace.plain_pin / pace.pin if plain and pace.pin else 1.0
        seconds = pace.query * table["query"].n_unique() + pace.pin * table["pin_id"].n_unique()
        return slower * seconds
