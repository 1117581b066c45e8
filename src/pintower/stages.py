"""Which stages there are, what each reads, and which of them a recipe has."""

from dataclasses import dataclass, replace
from pathlib import Path

from pintower.config import Recipe
from pintower.errors import RecipeError

__all__ = ["BUILD", "STAGES", "Stage", "select_stages", "stages_of"]


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        name: of the stage and of its section in the recipe.
        module: where its ``run(config, inputs, folder)`` stands; imported when it runs.
        inputs: stages whose folders it reads.
        folder: its folder's name, where that is not the stage's.
        resumable: a killed run's partial folder is taken up again.
        assets: hand-written folders it builds from.
        view: what it reads of the data, one of :data:`pintower.data.views.VIEWS`; the whole folder
            without one.
        estimate: module whose ``expected_seconds`` tells how long it would take
            (:mod:`pintower.estimates`); without one it is expected to take as long as its last run.
    """

    name: str
    module: str
    inputs: tuple[str, ...]
    folder: str = ""
    resumable: bool = False
    assets: tuple[str, ...] = ()
    view: str = ""
    estimate: str = ""

    def place(self, workdir: Path) -> Path:
        """Return the stage's folder in a work folder."""
        return workdir / (self.folder or self.name)


STAGES = (
    Stage("data", "pintower.data.prepare", ()),
    Stage("teacher", "pintower.teacher", ("data",), resumable=True, view="teacher",
          estimate="pintower.estimates.teacher"),
    Stage("labels", "pintower.labels", ("data", "teacher"), resumable=True, view="labels",
          estimate="pintower.estimates.labels"),
    Stage("student", "pintower.student", ("data", "labels"), resumable=True, view="student",
          estimate="pintower.estimates.student"),
    Stage("evaluation", "pintower.evaluation", ("data", "teacher", "student"), view="evaluation",
          estimate="pintower.estimates.evaluation"),
    Stage("export", "pintower.export", ("data", "student"), assets=("export",), view="export",
          estimate="pintower.estimates.export"),
    Stage("pins", "pintower.pins", ("data", "student", "export"), resumable=True, view="pins",
          estimate="pintower.estimates.pins"),
    Stage("repository", "pintower.repository", ("data", "export", "pins"), folder="models",
          assets=("triton_models",), view="repository"),
    Stage("bench", "pintower.bench", ("data", "pins", "repository"), view="bench"),
    Stage(
        "report",
        "pintower.report",
        ("data", "teacher", "labels", "student", "evaluation", "export", "pins", "repository",
         "bench"),
    ),
)  # fmt: skip

_DISTILLATION = ("teacher", "labels")
"""The stages that only a student distilled from a teacher needs."""

BUILD = ("data", "export", "pins", "repository")
"""The stages that turn a finished student into a model repository."""


def stages_of(recipe: Recipe) -> list[Stage]:
    """Return the stages a recipe has: teacher and labels only where it distils its student."""
    if recipe.student.method != "encoder":
        return list(STAGES)
    return [
        replace(stage, view="adopted student") if stage.name == "student" else stage
        for stage in STAGES
        if stage.name not in _DISTILLATION
    ]


def select_stages(
    recipe: Recipe, until: str | None = None, start: str | None = None
) -> list[Stage]:
    """Return the stages of a run, all those before ``start`` included.

    Args:
        recipe: says which stages there are.
        until: the last one; None takes the recipe's.
        start: one that has to be among them.

    Raises:
        RecipeError: if a name is none of the recipe's stages or ``start`` comes after ``until``.
    """
    until = until or recipe.until
    stages = stages_of(recipe)
    names = [stage.name for stage in stages]
    for name in (until, start):
        if name in _DISTILLATION and name not in names:
            raise RecipeError(
                f"The recipe {recipe.name!r} has no stage {name!r}: with student.method "
                f"{recipe.student.method!r} nothing is distilled. Its stages: {', '.join(names)}."
            )
        if name is not None and name not in names:
            raise RecipeError(f"Unknown stage {name!r}; allowed: {', '.join(names)}.")
    if start is not None and names.index(start) > names.index(until):
        raise RecipeError(f"--from {start} comes after the last stage of the run, {until}.")
    return stages[: names.index(until) + 1]
