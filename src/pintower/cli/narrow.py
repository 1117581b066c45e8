"""``pintower student narrow``: a student of narrower embeddings."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pintower.artifacts import hash_json, write_folder
from pintower.cli.datasets import data_folder
from pintower.cli.output import print_json, stderr, stdout
from pintower.cli.students import Replace, require_free
from pintower.pipeline import require_own

if TYPE_CHECKING:
    from pintower.models.narrowing import Narrowed

__all__ = ["narrow"]


def narrow(
    source: Annotated[Path, typer.Argument(metavar="STUDENT", help="A student folder.")],
    width: Annotated[int, typer.Option(help="Numbers of an embedding that are kept.")],
    dataset: Annotated[
        Path, typer.Option(help="Its dataset folder, or the data/ folder of the run that made it.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Student folder; named after the student without it.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="For samples, folds and initialization.")
    ] = 7,
    replace: Replace = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a student of narrower embeddings: smaller snapshots, faster look-ups and scoring.

    A width that was trained with the student (student.widths) has a scoring head of its own. For
    any other width one is fitted to the dataset's judgments, along the pins' principal axes where
    no width was trained. Pins have to be embedded anew: it is another space.
    """
    from pintower.models.layout import StudentLayout
    from pintower.models.narrowing import narrow_student

    StudentLayout(source).require()
    folder = out or source.with_name(f"{source.name}-width{width}")
    require_own(folder, "student")
    settings: dict[str, Any] = {"width": width, "seed": seed}
    key = hash_json({**settings, "source": str(source), "dataset": str(dataset)})
    require_free(folder, key, replace)
    info: dict[str, Any] = {}
    with (
        data_folder(dataset) as data,
        write_folder(folder, stage="student", key=key, info=info) as partial,
    ):
        made = narrow_student(source, data, partial, **settings)
        info.update(asdict(made))
    if as_json:
        print_json({"student": str(folder), **asdict(made)})
        return
    _print(made, folder)
    given = ["--dataset", str(dataset), "--out"]
    plan = ["pintower", "plan", str(source), str(folder), *given, f"{folder}-plan"]
    build = ["pintower", "build", str(folder), *given, f"{folder}-build"]
    stdout.print("What it costs and saves, and what Triton serves of it:")
    for after in (plan, build):
        stdout.print(f"  {shlex.join(after)}", soft_wrap=True)


def _print(made: "Narrowed", folder: Path) -> None:
    head = "trained with it" if made.head == "trained" else f"{made.head!r}, fitted to it"
    numbers = "the first numbers" if made.numbers == "first" else "the pins' principal axes"
    stdout.print(
        f"{folder}: embeddings of width {made.width} of {made.full_width} ({numbers}); its scoring "
        f"head is {head}."
    )
    if made.difference is None or made.ndcg is None:
        stderr.print(
            "What that costs was not measured: the dataset has no judged query in its test split "
            "with pins of two levels."
        )
        return
    change = made.difference
    told = (
        f"nDCG@20 on {made.held_out_queries:,} held-out queries is {made.ndcg.value:.4f}, "
        f"{change.value:+.4f} ({change.low:+.4f} to {change.high:+.4f}) against the full width"
    )
    if (change.value or 0.0) < 0:
        stderr.print(f"Warning: {told}.")
    else:
        stdout.print(f"{told}.")
