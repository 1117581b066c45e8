"""The tuner's plot: requests a second against the latency they cost."""

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pintower.bench.tuning import Measured, Tuning
from pintower.figures import COLOURS, INK, plot_style, to_svg

__all__ = ["tuning_plot"]


def tuning_plot(tuning: Tuning, p99_ms: float) -> str:
    """Return throughput against p99, as SVG: a line a setting, along its requests in flight."""
    with plot_style():
        figure = Figure(figsize=(7.2, 4.2))
        axes = figure.add_subplot()

        def draw(item: Measured, **style: object) -> None:
            x = [point.p99_ms for point in item.points]
            axes.plot(x, [point.throughput for point in item.points], **style)

        for item in tuning.trials:
            draw(item, color=INK, linewidth=0.6, alpha=0.5)
        draw(tuning.own, color=COLOURS[0], marker="o", label="as released")
        if tuning.best is not None:
            draw(tuning.best, color=COLOURS[1], marker="o", label="best tried")
        axes.axvline(p99_ms, color=INK, linestyle=":", linewidth=1)
        axes.set_xscale("log")
        for formatter in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("p99, milliseconds")
        axes.set_ylabel("requests a second")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, labelcolor=INK)
    return to_svg(figure)
