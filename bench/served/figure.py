"""The result as a figure: requests a second against p99, a line a system."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from pintower.figures import COLOURS, INK, plot_style, to_svg

__all__ = ["curves"]

_PANELS = {
    "zipf": "query log, cache warm",
    "unique": "every query new",
    "embedding": "embedding only, every query new",
}
_LOOK = {
    "pintower": (COLOURS[1], "-", "pintower"),
    "bls": (COLOURS[1], ":", "the same steps by BLS"),
    "plain_onnx": (COLOURS[0], "-", "plain fp32 ONNX ensemble"),
    "plain_onnx_cache": (COLOURS[0], ":", "the same with Triton's cache"),
    "naive_torch": (COLOURS[2], "-", "PyTorch python model"),
    "fastapi": (COLOURS[2], "--", "sentence-transformers, FastAPI"),
    "infinity": (COLOURS[3], "-", "infinity-emb"),
}


def curves(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return SVG: a panel a scenario; each point is a number of requests in flight."""
    with plot_style():
        figure = Figure(figsize=(10.5, 3.8))
        handles: dict[str, Any] = {}
        for axes, (scenario, title) in zip(
            figure.subplots(1, len(_PANELS)), _PANELS.items(), strict=True
        ):
            for system, (colour, style, label) in _LOOK.items():
                points = [
                    row
                    for row in rows
                    if (row["scenario"], row["system"]) == (scenario, system)
                    and "failed" not in row
                ]
                if points:
                    (handles[label],) = axes.plot(
                        [row["p99_ms"] for row in points],
                        [row["throughput"] for row in points],
                        marker="o", markersize=4, color=colour, linestyle=style, label=label,
                    )  # fmt: skip
            axes.set_xscale("log")
            axes.set_title(title, fontsize=10, color=INK, loc="left")
            axes.set_xlabel("p99, ms")
            axes.set_ylim(bottom=0)
        figure.axes[0].set_ylabel("requests a second")
        figure.legend(
            handles.values(), handles.keys(), frameon=False, labelcolor=INK, ncols=4,
            loc="upper center", bbox_to_anchor=(0.5, 0.0),
        )  # fmt: skip
        figure.tight_layout()
    return to_svg(figure)
