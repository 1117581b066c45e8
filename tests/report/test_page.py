import math

import pytest

from pintower.report import _number
from pintower.report.figure import quality_plot


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (True, "yes"), (20_000, "20,000"), (17.0, "17"), (0.5, "0.500"),
     (-0.25, "-0.250"), (3.3e-7, "3.3e-07"), (1234.5, "1,234.500"),
     (math.nan, "–"), ("snapshot", "snapshot")],
)  # fmt: skip
def test_numbers_are_shown_as_people_read_them(value: object, shown: str) -> None:
    assert _number(value) == shown


def test_the_plot_is_svg_that_names_every_model_and_does_not_change_between_runs() -> None:
    ndcg = {"value": 0.9, "low": 0.8, "high": 0.95}
    models = [{"name": name, "ndcg": ndcg} for name in ("teacher", "student", "bm25")]
    plot = quality_plot(models)
    assert plot.startswith("<svg")
    assert all(f">{name}<" in plot for name in ("teacher", "student", "bm25"))
    assert plot == quality_plot(models)
