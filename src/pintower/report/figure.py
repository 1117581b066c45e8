"""The report's plot of quality."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from pintower.figures import COLOURS, INK, plot_style, to_svg

__all__ = ["quality_plot"]


def quality_plot(models: Sequence[Mapping[str, Any]]) -> str:
    """Return nDCG@20 with its interval as SVG, a row a model.

    Args:
        models: ``name`` and ``ndcg`` (``value``, ``low``, ``high``) of each.
    """
    with plot_style():
        figure = Figure(figsize=(7.2, 0.6 + 0.4 * len(models)))
        axes = figure.add_subplot()
        for position, model in enumerate(reversed(models)):
            metric = model["ndcg"]
            colour = COLOURS[0] if model["name"] == "student" else INK
            axes.plot(
                [metric["low"], metric["high"]], [position, position], color=colour, linewidth=2.5
            )
            axes.plot(metric["value"], position, "o", color=colour, markersize=8)
        axes.set_yticks(range(len(models)), [model["name"] for model in reversed(models)])
        axes.set_ylim(-0.6, len(models) - 0.4)
        axes.set_xlabel("nDCG@20 on held-out queries, with its confidence interval")
    return to_svg(figure)
