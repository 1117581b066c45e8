"""Two results of one bench: what changed, and what cannot be told apart from noise.

A round's figure is divided by the time of a fixed piece of work that ran beside it, the yardstick,
so that a machine which was slower on the day is no regression. The logarithms of the rounds are
compared by Welch's t (1947, "The generalization of 'Student's' problem"), the levels corrected by
Bonferroni: it gives each figure an interval of its own and holds however they hang together, as
the p50 and the throughput of one pass do.

An interval knows the scatter between rounds and nothing else: what stays the same through all
rounds of one result and is otherwise in the next (a build, a boot, a placement in memory) is in it
only as far as every round starts afresh.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.stats import t as student_t

from pintower.bench.results import WORSE, Metric, Result, Row
from pintower.errors import InputError

__all__ = ["Change", "Comparison", "compare", "welch"]

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Change:
    """One figure of one row, from the first result to the second.

    Attributes:
        system: whose.
        scenario: of the load.
        load: ``closed`` or ``open``.
        level: requests in flight, or requests a second.
        candidates: pins a request carries.
        metric: ``p50_ms`` (milliseconds) or ``throughput`` (requests a second).
        before: geometric mean over the first result's rounds, as measured.
        after: the second's.
        change: share by which the figure, the machine's speed taken out, is higher in the second.
        low: lower end of the change's interval.
        high: upper end.
        smallest: the least change for the worse that this pair of results could have told.
        verdict: ``noise`` where no change is told apart from it.
        beyond_bound: slower, and the change itself worse than the bound.
    """

    system: str
    scenario: str
    load: str
    level: float
    candidates: int
    metric: Metric
    before: float
    after: float
    change: float
    low: float
    high: float
    smallest: float
    verdict: Literal["slower", "faster", "noise"]
    beyond_bound: bool


@dataclass(frozen=True)
class Comparison:
    """What two results say about each other.

    Attributes:
        bound: share by which a figure may be worse.
        system: whose figures may fail the comparison.
        confidence: of each interval; those of the system together hold at 95 %.
        yardstick: median yardstick of the second result over the first's; above 1 the machine was
            slower.
        changes: of every row that both hold.
        only_before: rows of the first result only, by name.
        only_after: of the second only.
    """

    bound: float
    system: str
    confidence: float
    yardstick: float
    changes: tuple[Change, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def judged(self) -> tuple[Change, ...]:
        """The changes that may fail it."""
        return tuple(item for item in self.changes if item.system == self.system)

    @property
    def regressions(self) -> tuple[Change, ...]:
        """The changes that do."""
        return tuple(item for item in self.judged if item.beyond_bound)


def compare(
    before: Result, after: Result, *, bound: float = 0.05, system: str = "pintower"
) -> Comparison:
    """Compare two results row by row; throughput in closed loops only, an open one is given its.

    Args:
        before: the first result.
        after: the second, whose worse figures are regressions.
        bound: share by which a figure may be worse.
        system: whose figures may fail it.

    Raises:
        InputError: if they come from different devices, or share no row of the system.
    """
    if before.device != after.device:
        raise InputError(
            f"The results come from different devices: {before.device}; and {after.device}. "
            "Measure both on one."
        )
    others = {row.key: row for row in after.rows}
    own = {row.key for row in before.rows}
    pairs = [(row, others[row.key]) for row in before.rows if row.key in others]
    if not any(row.system == system for row, _ in pairs):
        raise InputError(
            f"The results have no row of the system {system!r} in common. The first has "
            f"{_listed(before.rows)}; the second has {_listed(after.rows)}. Measure both with the "
            "same loads."
        )
    chosen: list[tuple[Row, Row, Metric]] = [
        (first, second, metric)
        for first, second in pairs
        for metric in WORSE
        if metric == "p50_ms" or first.load == "closed"
    ]
    judged = sum(first.system == system for first, _, _ in chosen)
    confidence = 1 - (1 - _CONFIDENCE) / judged
    return Comparison(
        bound=bound,
        system=system,
        confidence=confidence,
        yardstick=statistics.median(after.yardstick_ms) / statistics.median(before.yardstick_ms),
        changes=tuple(_change(*item, bound, confidence) for item in chosen),
        only_before=tuple(row.name for row in before.rows if row.key not in others),
        only_after=tuple(row.name for row in after.rows if row.key not in own),
    )


def welch(
    first: Sequence[float], second: Sequence[float], confidence: float
) -> tuple[float, float]:
    """Return the difference of two means, second less first, and half the width of its interval."""
    squares = [statistics.variance(values) / len(values) for values in (first, second)]
    difference = statistics.fmean(second) - statistics.fmean(first)
    if not any(squares):
        return difference, 0.0
    parts = zip(squares, (first, second), strict=True)
    freedom = sum(squares) ** 2 / sum(s**2 / (len(values) - 1) for s, values in parts)
    quantile = float(student_t.ppf((1 + confidence) / 2, freedom))
    return difference, quantile * math.sqrt(sum(squares))


def _change(first: Row, second: Row, metric: Metric, bound: float, confidence: float) -> Change:
    sign = WORSE[metric]
    moved, half = welch(first.normalised(metric), second.normalised(metric), confidence)
    change = math.expm1(moved)
    slower, faster = sign * moved > half, -sign * moved > half
    return Change(
        system=first.system,
        scenario=first.scenario,
        load=first.load,
        level=first.level,
        candidates=first.candidates,
        metric=metric,
        before=math.exp(statistics.fmean(first.values(metric))),
        after=math.exp(statistics.fmean(second.values(metric))),
        change=change,
        low=math.expm1(moved - half),
        high=math.expm1(moved + half),
        smallest=abs(math.expm1(sign * half)),
        verdict="slower" if slower else "faster" if faster else "noise",
        beyond_bound=slower and sign * change > bound,
    )


def _listed(rows: Iterable[Row]) -> str:
    return "; ".join(row.name for row in rows) or "none"
