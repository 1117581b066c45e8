"""The templates, made into one page that needs nothing beside it."""

from collections.abc import Mapping
from typing import Any

import jinja2

from pintower.report import numbers
from pintower.report.names import in_sentence

__all__ = ["render"]


def render(contents: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        contents: everything the templates name, as :func:`pintower.report.contents.gather` gives
            it; text is escaped here.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pintower.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("counted", "duration", "interval", "milliseconds", "number", "percent", "signed"):
        environment.filters[name] = getattr(numbers, name)
    environment.filters["in_sentence"] = in_sentence
    return environment.get_template("page.html").render(**contents)
