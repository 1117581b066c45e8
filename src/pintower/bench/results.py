"""Result files of the bench, as far as two of them can be compared: rows, rounds, yardstick."""

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

from pintower.artifacts import read_json
from pintower.errors import InputError

__all__ = ["WORSE", "Metric", "Result", "Round", "Row"]

_LEAST_ROUNDS = 3

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Metric = Literal["p50_ms", "throughput"]
WORSE: dict[Metric, int] = {"p50_ms": 1, "throughput": -1}
"""The sign of a change for the worse."""


class Round(BaseModel):
    """One pass over the load, and the yardstick beside it."""

    throughput: Positive
    p50_ms: Positive
    yardstick_ms: Positive


class Row(BaseModel):
    """One system under one load; ``level`` is requests in flight, or requests a second.

    ``requests`` are those of all rounds.
    """

    rounds: list[Round] = Field(min_length=_LEAST_ROUNDS)
    scenario: str
    system: str
    load: Literal["closed", "open"]
    level: float
    candidates: int
    requests: int

    @property
    def key(self) -> tuple[str, str, str, float, int, int]:
        """By which rows of two results are matched: another number of requests is another load."""
        load = (self.system, self.scenario, self.load, self.level, self.candidates)
        return *load, self.requests // len(self.rounds)

    @property
    def name(self) -> str:
        """The row in words."""
        loaded = f"{self.level:g} in flight" if self.load == "closed" else f"{self.level:g}/s"
        sent = f"{self.requests // len(self.rounds):,} requests of {self.candidates:,} pins"
        return f"{self.system}, {self.scenario}, {self.load}, {loaded}, {sent}"

    def values(self, metric: Metric) -> list[float]:
        """Return a figure's logarithm in each round, as measured."""
        return [math.log(getattr(item, metric)) for item in self.rounds]

    def normalised(self, metric: Metric) -> list[float]:
        """Return a figure's logarithm in each round, the machine's speed taken out."""
        logs = zip(self.values(metric), self.rounds, strict=True)
        return [value - WORSE[metric] * math.log(item.yardstick_ms) for value, item in logs]


class _Device(BaseModel):
    processor: str
    instructions: str | None = None
    cores: int
    accelerator: str | dict[str, object] | None = None

    def __str__(self) -> str:
        instructions = f" ({self.instructions})" if self.instructions else ""
        return (
            f"{self.processor}{instructions}, {self.cores} cores, "
            f"accelerator {self.accelerator or 'none'}"
        )


class Result(BaseModel):
    """What is read of a result file of the bench; times in milliseconds, throughput a second."""

    rows: list[Row]
    device: _Device
    yardstick_ms: list[Positive] = Field(min_length=1)
    commit: str | None = None
    too_few: int = 0

    @classmethod
    def load(cls, path: Path) -> "Result":
        """Read a result file; rows of fewer than three rounds are only counted, in ``too_few``.

        Raises:
            InputError: if it is none, no row has three rounds, or it holds a row twice.
        """
        values = read_json(path)
        rows = values.get("rows") if isinstance(values, dict) else None
        if isinstance(rows, list):
            kept = [row for row in rows if _rounds(row) >= _LEAST_ROUNDS]
            if kept:
                values = {**values, "rows": kept, "too_few": len(rows) - len(kept)}
        try:
            result = cls.model_validate(values)
        except ValidationError as error:
            raise InputError(_refusal(path, error)) from None
        keys = [row.key for row in result.rows]
        twice = [row.name for row in result.rows if keys.count(row.key) > 1]
        if twice:
            raise InputError(f"{path} holds a row more than once: {twice[0]}. Keep one of them.")
        return result


def _rounds(row: object) -> int:
    rounds = row.get("rounds") if isinstance(row, dict) else None
    return len(rounds) if isinstance(rounds, list) else 0


def _refusal(path: Path, error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the document"
    if first["loc"] and first["loc"][-1] == "rounds":
        return (
            f"{path}, {place}: a change is told from noise by the scatter between rounds, and this "
            f"row has fewer than {_LEAST_ROUNDS} of them. Measure again with `pintower bench "
            f"--rounds {_LEAST_ROUNDS}` or bench/serving.py; 5 to 8 rounds tell more."
        )
    return (
        f"{path} is no result of the bench that can be compared: {place}: {first['msg']}. Measure "
        "again with `pintower bench --rounds 5` or bench/serving.py."
    )
