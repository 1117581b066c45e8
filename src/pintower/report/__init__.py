"""The report stage: one self-contained page that shows what a run made and how good it is."""

import math
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from pintower.config import ReportConfig
from pintower.report.contents import gather
from pintower.report.figure import quality_plot

__all__ = ["run"]


def run(config: ReportConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Write ``report.html``.

    Args:
        config: how much to show.
        inputs: every stage's folder.
        folder: where to write.

    Returns:
        The page's size.
    """
    contents = gather(inputs, config.examples)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = _number
    template = environment.from_string(
        files("pintower.report").joinpath("page.html").read_text("utf-8")
    )
    page = template.render(
        **contents,
        quality_plot=Markup(quality_plot(contents["models"]) if contents["models"] else ""),
        latency_plot=Markup((inputs["bench"] / "latency.svg").read_text("utf-8")),
    )
    path = folder / "report.html"
    path.write_text(page, "utf-8")
    return {"kilobytes": round(len(page.encode()) / 1000)}


def _number(value: object, digits: int = 3) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if value == round(value) and abs(value) < 1e15:
        return f"{round(value):,}"
    return f"{value:,.{digits}f}" if abs(value) >= 0.001 else f"{value:.1e}"
