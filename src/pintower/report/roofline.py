"""How close the served graphs come to what the machine could do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pintower.report.names import step_name
from pintower.report.numbers import counted, number

__all__ = ["Roofline", "RooflineRow", "describe_roofline"]

_ROWS = {"query_encoder": "token", "scorer": "candidate"}


@dataclass(frozen=True)
class RooflineRow:
    """A graph at one size; milliseconds.

    Attributes:
        graph: its name.
        size: how many tokens or candidates.
        megaoperations: million operations of its products.
        megabytes: of the weights that they read.
        arithmetic: the least that the operations take.
        reading: the least that the bytes take.
        measured: median.
        over: measured over the larger of the two.
    """

    graph: str
    size: str
    megaoperations: float
    megabytes: float
    arithmetic: float
    reading: float
    measured: float
    over: float


@dataclass(frozen=True)
class Roofline:
    """Every measured graph and size.

    Attributes:
        rows: the encoder's first.
        ceilings: what one core does at best, a sentence a graph.
        runtime: version of the ONNX Runtime that ran.
    """

    rows: Sequence[RooflineRow]
    ceilings: Sequence[str]
    runtime: str


def describe_roofline(roofline: Mapping[str, Any] | None) -> Roofline | None:
    """Return what the page shows of ``roofline`` in ``bench/results.json``; None for None."""
    if roofline is None:
        return None
    return Roofline(
        rows=[_row(bound, roofline["work"][bound["graph"]]) for bound in roofline["bounds"]],
        ceilings=[
            f"{step_name(graph)}: {_rates(found, roofline['work'][graph])}."
            for graph, found in roofline["ceilings"].items()
        ],
        runtime=roofline["onnxruntime"],
    )


def _row(bound: Mapping[str, Any], work: Mapping[str, int]) -> RooflineRow:
    operations = bound["rows"] * (work["int8_operations"] + work["float_operations"])
    return RooflineRow(
        graph=step_name(bound["graph"]),
        size=counted(bound["rows"], _ROWS.get(bound["graph"], "row")),
        megaoperations=operations / 1e6,
        megabytes=work["weight_bytes"] / 1e6,
        arithmetic=bound["arithmetic_ms"],
        reading=bound["reading_ms"],
        measured=bound["measured_ms"],
        over=bound["over_roofline"],
    )


def _rates(ceilings: Mapping[str, float], work: Mapping[str, int]) -> str:
    """Say how fast a core is, as far as the graph's products ask."""
    rates = [
        f"{number(ceilings[f'{kind}_gops'], 0)} GOP/s in {name}"
        for kind, name in (("int8", "int8"), ("float", "fp32"))
        if work[f"{kind}_operations"]
    ]
    return ", ".join([*rates, f"{number(ceilings['read_gbs'], 0)} GB/s read"])
