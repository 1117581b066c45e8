"""How every plot looks: SVG that reads on a light and on a dark page."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib.figure import Figure

__all__ = ["COLOURS", "INK", "plot_style", "to_svg"]

INK = "#808890"
COLOURS = ("#3b82c4", "#e08a3c", "#5aa469", "#b267b8")

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pintower",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@contextmanager
def plot_style() -> Iterator[None]:
    """Draw in this style inside the block."""
    with mpl.rc_context(_STYLE):
        yield


def to_svg(figure: Figure) -> str:
    """Return a figure as an ``<svg>`` element with a transparent ground; same figure, same text."""
    buffer = io.StringIO()
    with plot_style():
        figure.savefig(
            buffer, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None}
        )
    text = buffer.getvalue()
    return text[text.index("<svg") :]
