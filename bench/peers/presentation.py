"""The result on the terminal: a table, and a line each for the headline and for who is missing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

from .rounds import TEXT

__all__ = ["latency_table", "lines"]


def latency_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return every measured competitor's p50 and p99, speed against torch, and cosine to it."""
    measured = [row for row in rows if "failed" not in row]
    cells = list(dict.fromkeys(cell for row in measured for cell in row["cells"]))
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("milliseconds", no_wrap=True)
    for cell in cells:
        short = "text" if cell == TEXT else cell.removeprefix("encoder_").replace("_tokens", " tok")
        for figure in (f"{short}\np50", "\np99", "\nx torch"):
            table.add_column(figure, justify="right", no_wrap=True)
    for figure in ("cosine\nmean", "\nmin"):
        table.add_column(figure, justify="right", no_wrap=True)
    for row in measured:
        figures = [text for cell in cells for text in _figures(row["cells"].get(cell))]
        cosine = row["cosine"]
        figures += [f"{cosine[key]:.4f}" if cosine else "" for key in ("mean", "min")]
        table.add_row(row["name"], *figures, style=None if row["group"] == "peer" else "bold")
    return table


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield who could not be measured and why, then the headline."""
    for row in result["rows"]:
        if "failed" in row:
            yield f"{row['name']}: not measured. {row['failed']}"
    for key, value in result["headline"].items():
        if value is None:
            yield f"{key}: not measured"
        elif key not in result["headline_ratios"]:
            yield f"{key}: {value:.4f}"
        else:
            found = result["headline_ratios"][key]
            yield (
                f"{key}: {value:.2f} ({found['low']:.2f} to {found['high']:.2f} over rounds; "
                f"{found['slower']} / {found['faster']})"
            )


def _figures(cell: Mapping[str, Any] | None) -> list[str]:
    if cell is None:
        return ["", "", ""]
    speedup = cell["speedup_vs_torch"]["value"]
    return [f"{cell['p50_ms']:.2f}", f"{cell['p99_ms']:.2f}", f"{speedup:.1f}"]
