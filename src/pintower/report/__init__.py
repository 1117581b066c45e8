"""The report stage: one self-contained page that shows what a run made and how good it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pintower.config import ReportConfig
from pintower.report.contents import gather
from pintower.report.page import render

__all__ = ["run"]


def run(config: ReportConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Write ``report.html``.

    Args:
        config: how much to show.
        inputs: the folder of every stage that ran; a student from elsewhere has no teacher and no
            labels.
        folder: where to write.

    Returns:
        The page's size.

    Raises:
        InputError: if a folder lacks a file, the plan's too.
    """
    page = render(gather(inputs, config.examples, config.plan))
    (folder / "report.html").write_text(page, "utf-8")
    return {"kilobytes": round(len(page.encode()) / 1000)}
