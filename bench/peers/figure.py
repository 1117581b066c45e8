"""The result as a figure."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from pintower.figures import COLOURS, INK, plot_style, to_svg

from .rounds import TEXT, encoder_cell

__all__ = ["latency_figure"]

PANELS = {
    encoder_cell(8): "encoder alone, 8 tokens, ms",
    TEXT: "text to vector, real queries, ms",
}
COLOUR = {"ours": COLOURS[1], "cut": COLOURS[3], "int8": COLOURS[0], "fp32": "#a9b8c4"}
LABEL = {
    "ours": "pintower's export",
    "cut": "pintower's export, fewer layers",
    "int8": "others, int8",
    "fp32": "others, fp32",
}
SMALL = 8


def latency_figure(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return medians as SVG: a bar a competitor, fastest on top, its least cosine beside it."""
    shown = sorted(
        (row for row in rows if "failed" not in row), key=lambda row: -row["cells"][TEXT]["p50_ms"]
    )
    with plot_style():
        figure = Figure(figsize=(10.5, 1.3 + 0.27 * len(shown)))
        left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.06})
        for axes, (cell, title) in zip((left, right), PANELS.items(), strict=True):
            _draw_bars(axes, shown, cell)
            axes.set_title(title, fontsize=10, color=INK, loc="left")
        left.set_yticks(range(len(shown)), [row["name"] for row in shown])
        left.set_ylim(-0.6, len(shown) - 0.4)
        for label, row in zip(left.get_yticklabels(), shown, strict=True):
            label.set_fontweight("normal" if row["group"] == "peer" else "bold")
        _write_cosines(right, shown)
        kinds = [kind for kind in COLOUR if any(_kind(row) == kind for row in shown)]
        handles = [left.barh([0], [0], color=COLOUR[kind]) for kind in kinds]
        figure.legend(
            handles, [LABEL[kind] for kind in kinds], frameon=False, labelcolor=INK,
            loc="upper center", ncols=len(kinds), bbox_to_anchor=(0.5, 0.06),
        )  # fmt: skip
    return to_svg(figure)


def _draw_bars(axes: Any, rows: Sequence[Mapping[str, Any]], cell: str) -> None:
    medians = [row["cells"][cell]["p50_ms"] for row in rows if cell in row["cells"]]
    longest = max(medians, default=1.0)
    style = {"va": "center", "fontsize": SMALL, "color": INK}
    for place, row in enumerate(rows):
        found = row["cells"].get(cell)
        if found is None:
            axes.text(longest * 0.015, place, "–", **style)
            continue
        axes.barh([place], [found["p50_ms"]], height=0.7, color=COLOUR[_kind(row)])
        text = f"{found['p50_ms']:.2f} · {found['speedup_vs_torch']['value']:.1f}×"
        axes.text(found["p50_ms"] + longest * 0.015, place, text, **style)
    axes.set_xlim(0, longest * 1.25)  # room for the text beside the longest bar
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _write_cosines(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write each competitor's least cosine in a column right of a panel."""
    style = {
        "transform": axes.get_yaxis_transform(), "ha": "right", "fontsize": SMALL, "color": INK,
    }  # fmt: skip
    axes.text(1.15, len(rows) - 0.3, "min cosine\nto torch", va="bottom", **style)
    for place, row in enumerate(rows):
        text = f"{row['cosine']['min']:.4f}" if row["cosine"] else "–"
        axes.text(1.15, place, text, va="center", **style)


def _kind(row: Mapping[str, Any]) -> str:
    if row["group"] != "peer":
        return str(row["group"])
    return "fp32" if row["precision"] == "fp32" else "int8"
