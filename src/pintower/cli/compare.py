"""``pintower bench compare``: change or noise between two results of the bench."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from pintower.cli.output import print_json, stdout
from pintower.errors import GateFailed

if TYPE_CHECKING:
    from pintower.bench.comparison import Change, Comparison

__all__ = ["compare"]

_METRICS = {"p50_ms": "p50 ms", "throughput": "requests/s"}
_STYLES = {"regression": "bold red", "slower": "yellow", "faster": "green", "noise": "dim"}


def compare(
    before: Annotated[
        Path,
        typer.Argument(metavar="A.json", exists=True, dir_okay=False, help="The result before."),
    ],
    after: Annotated[
        Path,
        typer.Argument(metavar="B.json", exists=True, dir_okay=False, help="The result after."),
    ],
    bound: Annotated[
        float, typer.Option(min=0, help="Share by which a figure may be worse; more fails it.")
    ] = 0.05,
    system: Annotated[
        str, typer.Option(help="Whose figures may fail it; others are for scale.")
    ] = "pintower",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Tell change from noise between two results; exit code 1 on a regression beyond the bound.

    A regression is a p50 or a throughput whose whole interval is worse and which itself is worse
    by more than the bound, the machine's speed taken out.
    """
    from pintower.bench.comparison import compare as make
    from pintower.bench.results import Result

    results = [Result.load(path) for path in (before, after)]
    found = make(*results, bound=bound, system=system)
    if as_json:
        told = {"regressions": [asdict(item) for item in found.regressions]}
        print_json({"before": str(before), "after": str(after), **asdict(found), **told})
    else:
        for letter, path, result in zip("AB", (before, after), results, strict=True):
            made = f", commit {result.commit[:12]}" if result.commit else ""
            few = f", {result.too_few} rows of too few rounds left out" if result.too_few else ""
            stdout.print(f"{letter}: {path}{made}{few}", soft_wrap=True)
        _print(found)
    if found.regressions:
        lines = "\n".join(f"  {_named(item)}" for item in found.regressions)
        raise GateFailed(
            f"{len(found.regressions)} of {len(found.judged)} figures of {system} are worse by "
            f"more than {bound:.1%}, and not by chance:\n{lines}"
        )


def _print(found: "Comparison") -> None:
    stdout.print(_table(found.system, found.judged, found.regressions))
    peers = [item for item in found.changes if item.system != found.system]
    for name in dict.fromkeys(item.system for item in peers):
        rows = [item for item in peers if item.system == name]
        stdout.print(_table(f"The peers, for scale: {name}", rows))
    for letter, names in (("A", found.only_before), ("B", found.only_after)):
        for name in names:
            stdout.print(f"In {letter} only: {name}")
    stdout.print(
        "Changes and intervals are after dividing by the yardstick; the intervals of "
        f"{found.system} together hold at 95 % ({found.confidence:.2%} each). noise: no change "
        "told apart from noise; to be told, a worsening has to come out as `could tell` or more."
    )
    _print_yardstick(found)
    blind = sum(item.verdict == "noise" and item.smallest > found.bound for item in found.judged)
    if blind:
        stdout.print(
            f"{blind} of {len(found.judged)} figures of {found.system} could not have told a "
            f"worsening of {found.bound:.1%}: more rounds could.",
        )


def _print_yardstick(found: "Comparison") -> None:
    ratio = found.yardstick
    line = f"The yardstick took {ratio:.3f} times as long in B as in A"
    if max(ratio, 1 / ratio) > 1 + found.bound:
        line += (
            f": the machine was {'slower' if ratio > 1 else 'faster'} by more than the bound. "
            "Trust a small change only after measuring both again side by side"
        )
    stdout.print(f"{line}.")


def _table(title: str, changes: Sequence["Change"], regressions: Sequence["Change"] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in ("scenario", "load", "pins", "figure"):
        table.add_column(name)
    for name in ("A", "B", "change", "interval", "could tell"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict")
    for item in changes:
        verdict = "regression" if item in regressions else item.verdict
        table.add_row(
            item.scenario,
            _load(item),
            f"{item.candidates:,}",
            _METRICS[item.metric],
            f"{item.before:,.2f}",
            f"{item.after:,.2f}",
            f"{item.change:+.1%}",
            f"{item.low:+.1%} … {item.high:+.1%}",
            f"{item.smallest:.1%}",
            Text(verdict, _STYLES[verdict]),
        )
    return table


def _load(item: "Change") -> str:
    return f"{item.level:g} in flight" if item.load == "closed" else f"open, {item.level:g}/s"


def _named(item: "Change") -> str:
    return (
        f"{item.scenario}, {_load(item)}, {item.candidates:,} pins: {_METRICS[item.metric]} "
        f"{item.change:+.1%} ({item.low:+.1%} … {item.high:+.1%})"
    )
