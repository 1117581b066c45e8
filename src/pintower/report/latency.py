"""How fast the release answers, and what the cache does for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pintower.report.names import scenario_name
from pintower.report.numbers import milliseconds, number, percent
from pintower.report.roofline import Roofline, describe_roofline
from pintower.report.scale import Scale, scale_over
from pintower.report.steps import Span, spans

__all__ = ["Latency", "Measurement", "cache_story", "describe_latency", "headline_row"]

_LOG, _UNIQUE = "log", "unique"
_NEVER = 0.005
"""Hit rate that counts as none."""

_CLEAR = 1.05
"""Ratio of two medians from which they are told apart."""


@dataclass(frozen=True)
class Measurement:
    """One load.

    Attributes:
        scenario: which requests.
        load: how many at once, or a second.
        row: its figures as in ``results.json``.
        spans: where an average request's time went.
    """

    scenario: str
    load: str
    row: Mapping[str, Any]
    spans: Sequence[Span]


@dataclass(frozen=True)
class Latency:
    """Everything the section shows.

    Attributes:
        candidates: pins a request carries.
        measurements: in the order they were made.
        scale: of the percentiles, milliseconds.
        step_scale: of the steps, milliseconds.
        headline: the row that the page quotes.
        failures: requests that were answered with an error.
        cache: what the cache did, in sentences.
        cache_figure: hit rate against size, an ``<svg>`` element; empty where nothing repeats.
        roofline: the graphs against the machine's ceilings; None where it was not measured.
        method: how it was measured.
    """

    candidates: int
    measurements: Sequence[Measurement]
    scale: Scale
    step_scale: Scale
    headline: Mapping[str, Any]
    failures: int
    cache: Sequence[str]
    cache_figure: str
    roofline: Roofline | None
    method: str


def describe_latency(bench: Mapping[str, Any], cache_figure: str = "") -> Latency:
    """Return what the section on latency shows.

    Args:
        bench: ``bench/results.json``.
        cache_figure: ``bench/cache.svg``, if there is one.
    """
    rows = bench["rows"]
    plan = bench.get("cache") or {"limit": 0.0}
    repeats = plan["limit"] >= _NEVER
    measurements = [
        Measurement(
            scenario=scenario_name(row["scenario"]),
            load=_load(row),
            row=row,
            spans=spans(row),
        )
        for row in rows
    ]
    ends = [span.end for one in measurements for span in one.spans]
    return Latency(
        candidates=bench["candidates"],
        measurements=measurements,
        scale=scale_over([0.0, *(row["p99_ms"] for row in rows)], intervals=5),
        step_scale=scale_over([0.0, *ends], intervals=5),
        headline=headline_row(rows),
        failures=sum(row["failures"] for row in rows),
        cache=[*cache_story(rows), *([_planned(plan)] if repeats else [])],
        cache_figure=cache_figure if repeats else "",
        roofline=describe_roofline(bench.get("roofline")),
        method=bench["method"],
    )


def headline_row(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the log's row with the fewest requests in flight; without one, the first row."""
    logged = [row for row in rows if row["scenario"] == _LOG]
    return min(logged, key=lambda row: row["concurrency"]) if logged else rows[0]


def cache_story(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what the cache did and did not do, one sentence each.

    Only what the bench measured is said: it does not time hits and misses apart, so the log's
    latency is compared with that of the same load without a repeated query.
    """
    row = headline_row(rows)
    if not row["repeat_share"] and row["cache_hit_rate"] < _NEVER:
        return [
            "No request repeats an earlier one, so every query was encoded anew: this is what a "
            "release answers with an empty cache."
        ]
    story = [
        f"{percent(row['cache_hit_rate'])} of the requests found their query's embedding in the "
        "cache. A hit spares the query encoder and nothing else: pin features and scorer depend on "
        "the candidates and run for every request.",
        f"{percent(row['repeat_share'])} repeat an earlier request byte for byte. {_why(row)}",
    ]
    twin = [
        other
        for other in rows
        if other["scenario"] == _UNIQUE and other["concurrency"] == row["concurrency"]
    ]
    if row["scenario"] == _LOG and twin:
        fresh = twin[0]
        story.append(
            f"With the log's repeats the median request takes {_ms(row['p50_ms'])}; with every "
            f"query new, {_ms(fresh['p50_ms'])}. {_worth(row, fresh)}{_encoder(fresh)}"
        )
    return story


def _planned(plan: Mapping[str, Any]) -> str:
    """Say how large a cache the whole log needs."""
    rates = dict(zip(plan["sizes"], plan["hit_rates"], strict=True))
    return (
        f"Over the whole log ({number(plan['requests'])} requests, {number(plan['distinct'])} "
        f"distinct queries) a cache that drops nothing would hit {percent(plan['limit'], 1)}; "
        f"{plan['enough'] / 2**20:g}\u00a0MiB reach {percent(rates[plan['enough']], 1)}."
    )


def _why(row: Mapping[str, Any]) -> str:
    """Say why the hit rate is not the share of repeats."""
    difference = row["cache_hit_rate"] - row["repeat_share"]
    if difference > 0.005:
        return (
            "There are more hits than that because queries that differ only in their writing "
            "have the same tokens."
        )
    if difference < -0.005:
        return (
            "There are fewer hits than that: a repeat misses while the first one is still being "
            "answered, or after its entry was evicted."
        )
    return "Nearly each of them was a hit."


def _worth(row: Mapping[str, Any], fresh: Mapping[str, Any]) -> str:
    """Say what the difference between both medians means."""
    if fresh["p50_ms"] > _CLEAR * row["p50_ms"]:
        return (
            "That is what the cache is worth at the median; plan with the second figure as long "
            "as it is cold."
        )
    return "So close, they show no gain from the cache at the median."


def _encoder(fresh: Mapping[str, Any]) -> str:
    cost = fresh["steps"]["query_encoder"]["request_us"] / 1000
    return f" A miss costs the query encoder {_ms(cost)}."


def _ms(value: float) -> str:
    return f"{milliseconds(value)}\u00a0ms"


def _load(row: Mapping[str, Any]) -> str:
    if row["concurrency"]:
        return f"{number(row['concurrency'])} in flight"
    return f"{number(row['request_rate'], 0)} a second"
