"""``pintower run``: a recipe from its dataset to the report."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pintower.cli.minutes import by_stage, in_words, shown_minutes
from pintower.cli.output import print_json, stdout
from pintower.config import Recipe
from pintower.forecast import Forecast, forecast, settled_recipe
from pintower.pipeline import Outcome, run_stages
from pintower.recipes import find_recipe, load_recipe
from pintower.stages import STAGES, select_stages

__all__ = ["print_forecast", "print_outcomes", "run"]

logger = logging.getLogger(__name__)

_STAGES = ", ".join(stage.name for stage in STAGES)


def run(
    recipe: Annotated[
        str, typer.Argument(help="A recipe's file, or a built-in one's name.")
    ] = "mine",
    workdir: Annotated[
        Path | None, typer.Option(help="Work folder; artifacts/<recipe name> without it.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help=f"Run this stage and the later ones again: {_STAGES}."),
    ] = None,
    until: Annotated[str | None, typer.Option(help=f"Last stage to run: {_STAGES}.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Override a key, e.g. data.path=DIR; may be repeated.",
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the recipe with every key, and run nothing.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say which stages would run, why and how long; run none."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Run a recipe: every stage that is not complete and unchanged."""
    loaded = load_recipe(find_recipe(recipe), settings or [])
    folder = workdir or Path("artifacts") / loaded.name
    if show:
        print_json(settled_recipe(loaded, folder).model_dump(mode="json"))
        return
    stages = select_stages(loaded, until, start)
    if dry_run:
        told = forecast(stages, loaded, folder, force_from=start, begun=_tell)
        print_forecast(told, folder, as_json=as_json)
        return

    def begun(settled: Recipe, data: Path) -> None:
        """Say, before the long stages, what they will do and about how long it takes."""
        later = start if start != stages[0].name else stages[min(1, len(stages) - 1)].name
        told = forecast(stages, settled, folder, force_from=later)
        if any(item.state != "up to date" for item in told):
            _tell(settled, data)
            logger.info("%s", in_words(told))
            logger.info("minutes by stage: %s", by_stage(told) or "unknown")

    trains = "student" in [stage.name for stage in stages]
    outcomes = run_stages(stages, loaded, folder, force_from=start, begun=begun if trains else None)
    print_outcomes(outcomes, folder, as_json=as_json)


def _tell(recipe: Recipe, data: Path) -> None:
    """Say at the beginning what there is and what will be done with it."""
    from pintower.outlook import outlook  # polars takes a while to import

    for line in outlook(recipe, data):
        logger.info("%s", line)


def print_outcomes(outcomes: Sequence[Outcome], workdir: Path, *, as_json: bool) -> None:
    """Print what became of the stages."""
    if as_json:
        print_json({"workdir": str(workdir), "stages": [vars(outcome) for outcome in outcomes]})
        return
    if not any(outcome.ran for outcome in outcomes):
        stdout.print(f"Nothing to do: all {len(outcomes)} stages in {workdir} are up to date.")
        return
    table = Table("stage", "", "seconds", "what it made", title=str(workdir), title_justify="left")
    for outcome in outcomes:
        made = ", ".join(f"{name} {_number(value)}" for name, value in outcome.info.items())
        state = "ran" if outcome.ran else "up to date"
        table.add_row(outcome.stage, state, f"{outcome.seconds:.1f}", made)
    stdout.print(table)


def print_forecast(told: Sequence[Forecast], workdir: Path, *, as_json: bool) -> None:
    """Print what would become of the stages."""
    if as_json:
        print_json({"workdir": str(workdir), "stages": [vars(item) for item in told]})
        return
    table = Table("stage", "", "minutes", "why", title=str(workdir), title_justify="left")
    for item in told:
        shown = "" if item.state == "up to date" else shown_minutes(item)
        table.add_row(item.stage, item.state, shown, "; ".join(item.why))
    stdout.print(table)
    stdout.print(
        in_words(told) or f"Nothing to do: all {len(told)} stages in {workdir} are up to date."
    )


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
