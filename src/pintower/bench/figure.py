"""The bench's plot."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from pintower.figures import COLOURS, INK, plot_style, to_svg

__all__ = ["latency_plot"]


def latency_plot(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return latency percentiles as SVG, a group of bars a measurement."""
    percentiles = ("p50_ms", "p90_ms", "p99_ms")
    with plot_style():
        figure = Figure(figsize=(7.2, 3.2))
        axes = figure.add_subplot()
        for offset, percentile in enumerate(percentiles):
            places = [group + (offset - 1) * 0.26 for group in range(len(rows))]
            heights = [row[percentile] for row in rows]
            label = percentile.removesuffix("_ms")
            bars = axes.bar(places, heights, width=0.24, color=COLOURS[offset], label=label)
            axes.bar_label(bars, fmt="%.1f", fontsize=8, color=INK)
        names = [
            f"{row['scenario']}, {row['concurrency']} in flight\n{row['throughput']:.0f}/s, "
            f"{row['cache_hit_rate']:.0%} hits"
            for row in rows
        ]
        axes.set_xticks(range(len(rows)), names)
        axes.set_ylabel("latency, ms")
        axes.margins(y=0.25)  # room for the legend above the tallest bar
        axes.legend(frameon=False, ncols=len(percentiles), labelcolor=INK, loc="upper left")
    return to_svg(figure)
