"""From every call's time to rows, ratios and the headline."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .competitors import REFERENCE, Competitor
from .rounds import Times

__all__ = ["best_peer", "ratio", "summarize"]

DIGITS = 4
"""Milliseconds are kept to a tenth of a microsecond."""


def summarize(
    competitors: Sequence[Competitor],
    times: Times,
    cosines: Mapping[str, Mapping[str, float]],
    failures: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Return one row a competitor, those that could not be measured included with the reason.

    Args:
        competitors: in the order of the rows.
        times: milliseconds by competitor, cell and round; holds the reference.
        cosines: to the reference, for those that are compared.
        failures: reasons by name.
    """
    rows = []
    for competitor in competitors:
        name = competitor.name
        row: dict[str, Any] = {
            "name": name, "group": competitor.group, "precision": competitor.precision,
        }  # fmt: skip
        if name not in times:
            rows.append(row | {"failed": failures.get(name, "not measured")})
            continue
        row["cosine"] = cosines.get(name)
        row["cells"] = {
            cell: {**_latency(rounds), "speedup_vs_torch": _speedup(times, name, cell)}
            for cell, rounds in times[name].items()
        }
        rows.append(row)
    return rows


def ratio(
    slower: Sequence[Sequence[float]], faster: Sequence[Sequence[float]]
) -> dict[str, float | list[float]]:
    """Return how many times faster the second is: the median over rounds of the medians' ratio.

    Args:
        slower: milliseconds by round.
        faster: of the same rounds.
    """
    rounds = [float(np.median(a) / np.median(b)) for a, b in zip(slower, faster, strict=True)]
    summary = {"value": float(np.median(rounds)), "low": min(rounds), "high": max(rounds)}
    return {
        **{key: round(value, DIGITS) for key, value in summary.items()},
        "rounds": [round(value, DIGITS) for value in rounds],
    }


def best_peer(competitors: Sequence[Competitor], times: Times, cell: str) -> str | None:
    """Return the peer with the lowest median in a cell; None where no peer was measured."""
    medians = {
        competitor.name: _latency(times[competitor.name][cell])["p50_ms"]
        for competitor in competitors
        if competitor.group == "peer" and cell in times.get(competitor.name, {})
    }
    return min(medians, key=lambda name: medians[name], default=None)


def _latency(rounds: Sequence[Sequence[float]]) -> dict[str, Any]:
    medians = [float(np.median(taken)) for taken in rounds]
    calls = np.concatenate([np.asarray(taken) for taken in rounds])
    return {
        "p50_ms": round(float(np.median(medians)), DIGITS),
        "p99_ms": round(float(np.percentile(calls, 99)), DIGITS),
        "calls": len(calls),
        "round_p50_ms": [round(median, DIGITS) for median in medians],
    }


def _speedup(times: Times, name: str, cell: str) -> dict[str, Any] | None:
    reference = times[REFERENCE]
    return ratio(reference[cell], times[name][cell]) if cell in reference else None
