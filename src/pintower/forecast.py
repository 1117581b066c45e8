"""A run told beforehand: which stages would run, why, and about how long they take.

Nothing is written but a data folder aside, where the data stage would run: what the later stages
read of the data is known then. What a stage that would run makes is not known; those that read it
may have to run as well.
"""

import importlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pintower.artifacts import Manifest, hash_files, hash_json, read_manifest
from pintower.config import Recipe
from pintower.keys import Input, changed_parts, data_view, stage_parts
from pintower.pipeline import Begun, given_inputs, require_places
from pintower.stages import STAGES, Stage

__all__ = ["Forecast", "forecast", "settled_recipe"]


@dataclass(frozen=True)
class Forecast:
    """What would become of a stage.

    Attributes:
        stage: its name.
        state: ``runs``, ``may run`` (as what it reads comes out) or ``up to date``.
        why: reasons; of a stage that is up to date, what it was drawn from and no longer is.
        minutes: it would take, by its last run; None where that does not tell.
    """

    stage: str
    state: str
    why: tuple[str, ...]
    minutes: float | None


def forecast(
    stages: Sequence[Stage],
    recipe: Recipe,
    workdir: Path,
    *,
    given: Mapping[str, Path] | None = None,
    force_from: str | None = None,
    begun: Begun | None = None,
) -> list[Forecast]:
    """Tell what :func:`pintower.pipeline.run_stages` would do, with the same arguments.

    Raises:
        InputError: if a folder is in the way.
        DatasetError: if the dataset cannot be used.
    """
    inputs = given_inputs(given)
    require_places(stages, recipe, workdir)
    open_ended: list[str] = []
    told: list[Forecast] = []
    forced = False
    with tempfile.TemporaryDirectory(prefix="pintower-") as aside:
        for stage in stages:
            forced = forced or stage.name == force_from
            item = _foresee(stage, recipe, workdir, inputs, open_ended, force=forced)
            told.append(item)
            folder = stage.place(workdir)
            if item.state != "up to date" and stage.name == "data":
                folder = _prepare(stage, recipe, Path(aside))
            elif item.state != "up to date":
                open_ended.append(stage.name)
            if folder.is_dir():
                inputs[stage.name] = Input(folder, _content(folder))
            if stage.name == "data":
                from pintower.encoder_choice import settled  # polars takes a while to import

                recipe = settled(recipe, folder)
                if begun is not None:
                    begun(recipe, folder)
    return told


def settled_recipe(recipe: Recipe, workdir: Path) -> Recipe:
    """Return a recipe as a run would settle it, see :mod:`pintower.encoder_choice`.

    Raises:
        DatasetError: if something is open and the dataset cannot be used.
    """
    found = recipe

    def keep(settled: Recipe, data: Path) -> None:
        nonlocal found
        found = settled

    if recipe.open_encoders():
        forecast(STAGES[:1], recipe, workdir, begun=keep)
    return found


def _foresee(
    stage: Stage,
    recipe: Recipe,
    workdir: Path,
    inputs: Mapping[str, Input],
    open_ended: Sequence[str],
    *,
    force: bool,
) -> Forecast:
    folder = stage.place(workdir)
    manifest = read_manifest(folder)
    state, why = _state(stage, recipe, folder, manifest, inputs, open_ended)
    if force:
        state, why = "runs", ["asked for"]
    minutes = None
    if manifest is not None and state != "up to date":
        known = {name: inputs[name].folder for name in inputs if name not in open_ended}
        minutes = _minutes(stage, recipe, known, folder, manifest)
    return Forecast(stage.name, state, tuple(why), minutes)


def _state(
    stage: Stage,
    recipe: Recipe,
    folder: Path,
    manifest: Manifest | None,
    inputs: Mapping[str, Input],
    open_ended: Sequence[str],
) -> tuple[str, list[str]]:
    """Return a stage's state and the reasons for it."""
    if manifest is None:
        return "runs", changed_parts(None, {})
    waiting = [name for name in stage.inputs if name in open_ended]
    if missing := [name for name in waiting if name not in inputs]:
        return "may run", [f"as {' and '.join(missing)} comes out, which is not there"]
    read = {name: inputs[name] for name in stage.inputs if name in inputs}
    if changed := changed_parts(manifest, stage_parts(stage, recipe, read, folder)):
        return "runs", changed
    if waiting:
        return "may run", [f"if {' or '.join(waiting)} comes out otherwise than before"]
    found = data_view(stage, read, folder)
    if found is not None and found[0].drawn and manifest.drawn != read["data"].content:
        kept = f"keeps what it drew from the data before; --from {stage.name} draws again"
        return "up to date", [kept]
    return "up to date", []


def _minutes(
    stage: Stage, recipe: Recipe, known: Mapping[str, Path], folder: Path, manifest: Manifest
) -> float | None:
    if not stage.estimate:
        return manifest.seconds / 60
    expected = importlib.import_module(stage.estimate).expected_seconds
    seconds = expected(getattr(recipe, stage.name), known, folder, manifest)
    return None if seconds is None else seconds / 60


def _prepare(stage: Stage, recipe: Recipe, folder: Path) -> Path:
    """Run the data stage aside."""
    importlib.import_module(stage.module).run(getattr(recipe, stage.name), {}, folder)
    return folder


def _content(folder: Path) -> str:
    manifest = read_manifest(folder)
    return hash_json(hash_files(folder)) if manifest is None else manifest.content
