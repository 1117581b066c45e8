"""The bench's plots."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pintower.bench.cache_plan import CachePlan
from pintower.figures import COLOURS, INK, plot_style, to_svg

__all__ = ["cache_plot", "latency_plot"]


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


def cache_plot(plan: CachePlan) -> str:
    """Return the hit rate against the cache's size as SVG, its limit dotted."""
    with plot_style():
        figure = Figure(figsize=(7.2, 3.2))
        axes = figure.add_subplot()
        sizes = [size / 2**20 for size in plan.sizes]
        axes.plot(sizes, [100 * rate for rate in plan.hit_rates], "o-", color=COLOURS[0])
        axes.axhline(100 * plan.limit, color=INK, linestyle=":", linewidth=1)
        axes.annotate(
            f"a cache that drops nothing: {plan.limit:.1%}", (0, 100 * plan.limit),
            xycoords=("axes fraction", "data"), va="bottom", color=INK, fontsize=8,
        )  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("response cache, MiB")
        axes.set_ylabel("query encoder's hits, %")
        axes.set_ylim(bottom=0)
        axes.margins(y=0.15)
    return to_svg(figure)
