"""The planner's plot: what each query encoder costs against what it loses."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from pintower.export.plan import Plan, PlanRow
from pintower.figures import COLOURS, INK, plot_style, to_svg

__all__ = ["plan_plot"]


def plan_plot(plan: Plan) -> str:
    """Return milliseconds against the loss of nDCG@20 with its interval, as SVG.

    A line joins the rows that no other beats in both; the chosen one is ringed, the budget dotted.
    """
    with plot_style():
        figure = Figure(figsize=(7.2, 4.2))
        axes = figure.add_subplot()
        targets = list(dict.fromkeys(row.target for row in plan.rows))
        for number, target in enumerate(targets):
            rows = [row for row in plan.rows if row.target == target]
            _draw(axes, rows, target, COLOURS[number % len(COLOURS)])
        front = [row for row in plan.rows if row.efficient]
        axes.plot(
            [row.latency.p50_ms for row in front],
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
                [row.latency.p50_ms], [100 * row.ndcg_loss], s=220, facecolors="none",
                edgecolors=INK, linewidths=1.5,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xlabel("milliseconds a query, median, one thread")
        axes.set_ylabel("loss of nDCG@20, %")
        axes.legend(frameon=False, labelcolor=INK)
    return to_svg(figure)


def _draw(axes: object, rows: Sequence[PlanRow], target: str, colour: str) -> None:
    axes.errorbar(  # type: ignore[attr-defined]
        [row.latency.p50_ms for row in rows],
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
        layers = "" if row.layers is None else f"{row.layers} layer{'s' if row.layers > 1 else ''}"
        axes.annotate(  # type: ignore[attr-defined]
            layers, (row.latency.p50_ms, 100 * row.ndcg_loss), xytext=(7, 5),
            textcoords="offset points", fontsize=8, color=INK,
        )  # fmt: skip
