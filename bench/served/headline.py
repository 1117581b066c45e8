"""The few numbers that are quoted."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["best_p99", "headline", "throughput_within"]

Row = Mapping[str, Any]


def headline(rows: Sequence[Row], roofline: Mapping[str, Any]) -> dict[str, float]:
    """Return ours over theirs, at the naive peer's own best p99, and the embedding-only figures.

    What was not measured is left out.
    """
    found: dict[str, float] = {}
    for scenario in ("zipf", "unique"):
        naive = _of(rows, scenario, "naive_torch")
        ours = _of(rows, scenario, "pintower")
        if not naive or not ours:
            continue
        limit = best_p99(naive)
        own = throughput_within(ours, limit)
        found[f"{scenario}_p99_limit_ms"] = limit
        for peer in ("naive_torch", "plain_onnx", "plain_onnx_cache", "bls"):
            theirs = throughput_within(_of(rows, scenario, peer), limit)
            if own and theirs:
                found[f"{scenario}_throughput_vs_{peer}"] = round(own / theirs, 2)
        found[f"{scenario}_throughput"] = own
    ours = _of(rows, "embedding", "pintower")
    peers = {name: _of(rows, "embedding", name) for name in ("fastapi", "infinity")}
    peers = {name: taken for name, taken in peers.items() if taken}
    if ours and peers:
        most = {name: max(row["throughput"] for row in taken) for name, taken in peers.items()}
        own = max(row["throughput"] for row in ours)
        found["embedding_throughput_vs_best_peer"] = round(own / max(most.values()), 2)
        own_p50, theirs = _alone(ours), [p50 for taken in peers.values() for p50 in _alone(taken)]
        if own_p50 and theirs:
            found["embedding_p50_vs_best_peer"] = round(own_p50[0] / min(theirs), 4)
    for bound in roofline.get("bounds", ()):
        if bound["graph"] == "query_encoder" and bound["rows"] == 16:
            found["encoder_over_roofline_16tok"] = round(bound["over_roofline"], 3)
    return found


def best_p99(rows: Sequence[Row]) -> float:
    """Return the least p99 of a system's loads, milliseconds."""
    return float(min(row["p99_ms"] for row in rows))


def throughput_within(rows: Sequence[Row], limit: float) -> float:
    """Return the most requests a second of the loads whose p99 is within a limit; 0 for none."""
    return float(max((row["throughput"] for row in rows if row["p99_ms"] <= limit), default=0.0))


def _of(rows: Sequence[Row], scenario: str, system: str) -> list[Row]:
    return [
        row
        for row in rows
        if (row["scenario"], row["system"]) == (scenario, system) and "failed" not in row
    ]


def _alone(rows: Sequence[Row]) -> list[float]:
    """Return the p50 with one in flight, milliseconds, if it was measured."""
    return [row["p50_ms"] for row in rows if row["level"] == 1]
