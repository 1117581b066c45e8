"""The planner's plot: what each query encoder, with its pins, costs against what it loses."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from pintower.export.plan_rows import Plan, PlanRow
from pintower.figures import COLOURS, INK, plot_style, to_svg

__all__ = ["plan_plot"]

_FAR_APART = 3
"""Times between the fastest and the slowest from which on the axis is logarithmic."""


def plan_plot(plan: Plan) -> str:
    """Return milliseconds against the loss of nDCG@20 with its interval, as SVG.

    A line joins the rows that no other beats in both; the chosen one is ringed, the budget dotted.
    Points are named by their layers, with students of several widths by these too.
    """
    several = len(plan.widths) > 1
    with plot_style():
        figure = Figure(figsize=(7.2, 4.2))
        axes = figure.add_subplot()
        targets = list(dict.fromkeys(row.target for row in plan.rows))
        for number, target in enumerate(targets):
            rows = [row for row in plan.rows if row.target == target]
            _draw(axes, rows, target, COLOURS[number % len(COLOURS)], several=several)
        front = [row for row in plan.rows if row.efficient]
        axes.plot(
            [row.cost_ms for row in front],
            [100 * row.ndcg_loss for row in front],
            color=INK,
            linewidth=1,
            zorder=0,
        )
        axes.axhline(100 * plan.max_loss, color=INK, linestyle=":", linewidth=1)
        axes.annotate(
            "budget", (1, 100 * plan.max_loss), xycoords=("axes fraction", "data"), ha="right",
            va="bottom", color=INK, fontsize=8,
        )  # fmt: skip
        if plan.chosen is not None:
            row = plan.rows[plan.chosen]
            axes.scatter(
                [row.cost_ms], [100 * row.ndcg_loss], s=220, facecolors="none",
                edgecolors=INK, linewidths=1.5,
            )  # fmt: skip
        costs = [row.cost_ms for row in plan.rows]
        if max(costs) > _FAR_APART * min(costs):
            _set_log_scale(axes)
        axes.set_xlabel(
            f"milliseconds a query with {plan.candidates} pins, median, one thread "
            "(numbers: layers × width)"
            if several
            else "milliseconds a query, median, one thread (number: layers)"
        )
        axes.set_ylabel("loss of nDCG@20, %")
        axes.legend(frameon=False, labelcolor=INK, loc="lower left", bbox_to_anchor=(0, 1), ncols=4)
    return to_svg(figure)


def _set_log_scale(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(
        FuncFormatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")
    )


def _draw(axes: Axes, rows: Sequence[PlanRow], target: str, colour: str, *, several: bool) -> None:
    axes.errorbar(
        [row.cost_ms for row in rows],
        [100 * row.ndcg_loss for row in rows],
        yerr=[
            [100 * (row.ndcg_loss - row.ndcg_low) for row in rows],
            [100 * (row.ndcg_high - row.ndcg_loss) for row in rows],
        ],
        fmt="o",
        color=colour,
        elinewidth=1,
        label=target,
    )
    for row in rows:
        axes.annotate(
            _name(row, several=several),
            (row.cost_ms, 100 * row.ndcg_high),
            xytext=(0, 3), textcoords="offset points", ha="center", fontsize=8, color=colour,
        )  # fmt: skip


def _name(row: PlanRow, *, several: bool) -> str:
    numbers = [row.layers, *([row.width] if several else [])]
    return " × ".join(f"{number}" for number in numbers if number is not None)
