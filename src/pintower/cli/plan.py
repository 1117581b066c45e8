"""``pintower plan``: the cheapest query encoder within a budget of quality."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from pintower.artifacts import write_json
from pintower.cli.datasets import data_folder
from pintower.cli.output import print_json, stdout
from pintower.config import ExportConfig
from pintower.errors import GateFailed, InputError
from pintower.models.layout import StudentLayout
from pintower.targets import load_target

if TYPE_CHECKING:
    from pintower.export.plan_rows import Plan

__all__ = ["plan"]

_TARGETS = "cpu-fp32,cpu-int8,cpu-int8-static"


def plan(
    students: Annotated[
        list[Path],
        typer.Argument(help="Student folders; the first is what the others are held to."),
    ],
    dataset: Annotated[
        Path, typer.Option(help="A dataset folder with judgments, or the data/ folder of a run.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for plan.json, plan.svg and the graphs.")],
    targets: Annotated[
        str, typer.Option(help="Targets to try, with commas between them.")
    ] = _TARGETS,
    max_loss: Annotated[
        float, typer.Option(min=0, max=1, help="Budget: loss of nDCG@20, as a share of it.")
    ] = 0.005,
    queries: Annotated[int, typer.Option(min=1, help="Judged queries to measure on.")] = 300,
    candidates: Annotated[
        int, typer.Option(min=1, help="Pins of a request, for look-up and scorer.")
    ] = 100,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of the timing.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Build each student's query encoder for each target; measure time against loss; choose.

    Students of fewer layers come from ``pintower student cut``, of narrower embeddings from
    ``pintower student narrow``. Where the widths differ, the time is that of query encoder, look-up
    and scorer together.
    """
    names = [name.strip() for name in targets.split(",") if name.strip()]
    for name in names:
        load_target(name)
    for student in students:
        StudentLayout(student).require()
    if len({student.resolve().name for student in students}) < len(students):
        raise InputError("Two of the student folders have one name; rename one, or copy it.")

    from pintower.bench.machine import commit, device, versions
    from pintower.export.plan import make_plan
    from pintower.export.plan_figure import plan_plot
    from pintower.models.freezing import ensure_calibration

    out.mkdir(parents=True, exist_ok=True)
    config = ExportConfig(ranking_queries=queries)
    with data_folder(dataset) as data:
        for student in students:
            ensure_calibration(student, data)
        made = make_plan(
            students, names, data, out, max_loss=max_loss, config=config, candidates=candidates,
            rounds=rounds,
        )  # fmt: skip
    result = {
        "name": "plan",
        "commit": commit(),
        "device": device(),
        "versions": versions(),
        **made.as_json(),
    }
    write_json(out / "plan.json", result)
    (out / "plan.svg").write_text(plan_plot(made), "utf-8")
    if as_json:
        print_json(result)
    else:
        stdout.print(_table(made))
        stdout.print(f"The plot: {out / 'plan.svg'}")
        stdout.print(
            f"In a run's report: pintower run RECIPE --set report.plan={shlex.quote(str(out))}",
            soft_wrap=True,
        )
    if made.chosen is None:
        raise GateFailed(
            f"No query encoder loses at most {max_loss:.2%} of nDCG@20 and passes its gates."
        )


def _table(made: "Plan") -> Table:
    """Return the rows; look-up, scorer and snapshot where the widths differ."""
    several = len(made.widths) > 1
    spoken = any(row.language for row in made.rows)
    times = ("p50, p99 ms", "look-up, scorer", "total ms") if several else ("p50 ms", "p99 ms")
    sizes = ("MB", "snapshot") if several else ("MB",)
    table = Table()
    for title in ("student", "layers", "width", "target", *times, *sizes, "nDCG@20 lost"):
        table.add_column(title, no_wrap=title == "target", overflow="fold")
    for title in (*(("language",) if spoken else ()), ""):
        table.add_column(title, overflow="fold")
    for row in made.rows:
        own, pins = (
            [f"{ms:.3f}" for ms in parts]
            for parts in (
                (row.latency.p50_ms, row.latency.p99_ms),
                (row.look_up.p50_ms, row.scorer.p50_ms),
            )
        )
        together = (", ".join(own), ", ".join(pins), f"{row.cost_ms:.3f}")
        table.add_row(
            row.student,
            str(row.layers or ""),
            str(row.width),
            row.target,
            *(together if several else own),
            f"{row.megabytes:.1f}",
            *([f"{row.snapshot_bytes / 1e6:.1f}"] if several else []),
            f"{row.ndcg_loss:+.2%} ({row.ndcg_low:+.2%} to {row.ndcg_high:+.2%})",
            *([f"{row.language} {row.language_loss:+.2%}"] if spoken else []),
            row.verdict,
        )
    return table
