"""The run in one sentence and four tiles, worked out from its figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from pintower.report.gate_tables import GateFile
from pintower.report.latency import Latency
from pintower.report.names import in_sentence
from pintower.report.numbers import counted, interval, milliseconds, number, percent, signed
from pintower.report.quality import Difference, Quality

__all__ = ["Tile", "tiles", "verdict"]


@dataclass(frozen=True)
class Tile:
    """One headline figure.

    Attributes:
        label: what it is.
        value: the figure, with its sign.
        unit: beside it, small.
        notes: below it.
        tone: ``good``, ``bad`` or empty.
    """

    label: str
    value: str
    unit: str
    notes: Sequence[str]
    tone: str = ""


def verdict(quality: Quality, latency: Latency, gates: Sequence[GateFile | None]) -> str:
    """Return what the run came to: the student against the best baseline, whoever is ahead."""
    speed = (
        f"answers {counted(latency.candidates, 'candidate')} in "
        f"{milliseconds(latency.headline['p50_ms'])}\u00a0ms at the median"
    )
    best = _best(quality)
    if best is None:
        reason = quality.reason or "there was nothing to compare the student with"
        sentences = [f"The release {speed}.", f"No gain in quality is known: {reason}."]
    elif best.verdict == "ahead":
        sentences = [f"The student {_compared(best)} and {speed}."]
    else:
        sentences = [f"The student {_compared(best)}.", f"It {speed}."]
    sentences.append(_gates(gates))
    if any(gates):
        sentences.append(
            "Gates compare the release with the student; they do not judge the student."
        )
    if latency.failures:
        failed = counted(latency.failures, "request")
        sentences.append(f"Under load {failed} failed.")
    return " ".join(sentences)


def tiles(quality: Quality, latency: Latency, gates: Sequence[GateFile | None]) -> list[Tile]:
    """Return the headline figures: gain, speed, gates, cache."""
    row = latency.headline
    measured = [found for found in gates if found]
    decided = sum(found.decided for found in measured)
    failed = sum(len(found.failed) for found in measured)
    return [
        _gain_tile(quality),
        Tile(
            "Served, median",
            milliseconds(row["p50_ms"]),
            "ms",
            [
                f"99 of 100 within {milliseconds(row['p99_ms'])}\u00a0ms",
                f"{counted(latency.candidates, 'candidate')} a request",
            ],
        ),
        Tile(
            "Gates passed",
            f"{decided - failed}",
            f"of {decided}",
            [
                f"{failed} failed" if failed else _unmeasured(gates),
                "they test the release, not the student",
                f"{counted(sum(len(found.told) for found in measured), 'figure')} told besides",
            ],
            "bad" if failed else "",
        ),
        Tile(
            "Cache hits",
            percent(row["cache_hit_rate"]).removesuffix("%").strip(),
            "%",
            [
                f"of {counted(row['requests'], 'request')}, each sent once",
                f"{number(row['throughput'], 0)} answered a second",
            ],
        ),
    ]


def _gain_tile(quality: Quality) -> Tile:
    """Return the student's difference from the best baseline; green where it is beyond doubt."""
    best = _best(quality)
    if best is None:
        return Tile("Gain in nDCG@20", "–", "", [quality.reason or "nothing to compare with"])
    tone = {"ahead": "" if quality.caveats else "good", "behind": "bad"}.get(best.verdict, "")
    others = [row for row in quality.differences if row.model == best.model and row is not best]
    return Tile(
        f"nDCG@20 over the best baseline, {in_sentence(best.baseline)}",
        signed(best.value),
        best.verdict,
        [
            f"{interval(best.low, best.high)} on {counted(quality.queries, 'query', 'queries')}",
            *(f"{signed(row.value)} over {in_sentence(row.baseline)}" for row in others),
        ],
        tone,
    )


def _best(quality: Quality) -> Difference | None:
    """Return the student's difference from the best baseline, if it was measured."""
    rows = [row for row in quality.differences if row.model == "Student" and row.best]
    return rows[0] if rows else None


def _compared(row: Difference) -> str:
    name = f"{in_sentence(row.baseline)}, the best baseline,"
    if row.verdict == "ahead":
        return f"beats {name} by {number(row.value)} nDCG@20 ({interval(row.low, row.high)})"
    if row.verdict == "behind":
        lost = interval(-row.high, -row.low)
        return f"is behind {name} by {number(-row.value)} nDCG@20 ({lost})"
    return (
        f"cannot be told apart from {name.removesuffix(',')}: {signed(row.value)} nDCG@20 "
        f"({interval(row.low, row.high)})"
    )


def _gates(gates: Sequence[GateFile | None]) -> str:
    failed = [row for found in gates if found for row in found.failed]
    overruled = [row for found in gates if found for row in found.overruled]
    if not failed:
        passed = "Every gate passed" if any(gates) else "No gate was measured"
        if overruled:
            named = ", ".join(row.name[:1].lower() + row.name[1:] for row in overruled)
            passed = f"Every gate passed but {len(overruled)} that were overruled ({named})"
        return f"{passed}, {_unmeasured(gates)}." if any(gates) and None in gates else f"{passed}."
    decided = sum(found.decided for found in gates if found)
    more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    first = failed[0].name[:1].lower() + failed[0].name[1:]
    return f"{len(failed)} of {decided} gates failed: {first}{more}."


def _unmeasured(gates: Sequence[GateFile | None]) -> str:
    return "the served ones were not measured" if None in gates else "none failed"
