"""A run told beforehand: which stages would run, why, and about how long they take.

Nothing is written but a data folder aside, where the data stage would run: what the later stages
read of the data is known then. What a stage that would run makes is not known; those that read it
may have to run as well.
"""

import importlib
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pintower.artifacts import Manifest, hash_files, hash_json, read_manifest
from pintower.config import Recipe
from pintower.keys import Input, changed_parts, data_view, stage_parts
from pintower.pipeline import Begun, given_inputs, require_places
from pintower.stages import STAGES, Stage

if TYPE_CHECKING:
    from pintower.estimates.pace import Pace
    from pintower.estimates.situation import Seconds

__all__ = ["Forecast", "forecast", "settled_recipe"]


@dataclass(frozen=True)
class Forecast:
    """What would become of a stage.

    Attributes:
        stage: its name.
        state: ``runs``, ``may run`` (as what it reads comes out) or ``up to date``.
        why: reasons; of a stage that is up to date, what it was drawn from and no longer is.
        minutes: it would take at least, by the pace of this machine or its last run; None where
            neither tells.
        most: minutes at most, as what it reads comes out.
    """

    stage: str
    state: str
    why: tuple[str, ...]
    minutes: float | None
    most: float | None


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
    pace = _Pace(known="student" not in inputs)
    open_ended: list[str] = []
    told: list[Forecast] = []
    forced = False
    with tempfile.TemporaryDirectory(prefix="pintower-") as aside:
        for stage in stages:
            forced = forced or stage.name == force_from
            item = _foresee(stage, recipe, workdir, inputs, open_ended, pace, force=forced)
            folder = stage.place(workdir)
            if item.state != "up to date" and stage.name == "data":
                started = time.monotonic()
                folder = _prepare(stage, recipe, Path(aside))
                minutes = (time.monotonic() - started) / 60
                item = replace(item, minutes=minutes, most=minutes)
            elif item.state != "up to date":
                open_ended.append(stage.name)
            told.append(item)
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
    pace: "_Pace",
    *,
    force: bool,
) -> Forecast:
    folder = stage.place(workdir)
    manifest = read_manifest(folder)
    state, why = _state(stage, recipe, folder, manifest, inputs, open_ended)
    if force:
        state, why = "runs", ["asked for"]
    seconds = None
    if state != "up to date":
        known = {name: inputs[name].folder for name in inputs if name not in open_ended}
        seconds = _seconds(stage, recipe, known, folder, manifest, pace)
    least, most = (None, None) if seconds is None else (part / 60 for part in seconds)
    return Forecast(stage.name, state, tuple(why), least, most)


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


class _Pace:
    """The pace of this machine, measured when it is first asked for.

    Args:
        known: whether the recipe's models are those that run; a student made elsewhere is not.
    """

    def __init__(self, *, known: bool) -> None:
        self.known = known
        self._measured: Pace | None = None

    def of(self, recipe: Recipe, data: Path) -> "Pace":
        """Return it, for a recipe's models and a data folder's texts."""
        if self._measured is None:
            from pintower.estimates.pace import measure_pace  # torch takes seconds to import

            self._measured = measure_pace(recipe, data)
        return self._measured


def _seconds(
    stage: Stage,
    recipe: Recipe,
    known: Mapping[str, Path],
    folder: Path,
    manifest: Manifest | None,
    pace: _Pace,
) -> "Seconds | None":
    last = None if manifest is None else (manifest.seconds, manifest.seconds)
    if not stage.estimate or "data" not in known or (manifest is None and not pace.known):
        return last
    from pintower.estimates.situation import Situation

    measure = partial(pace.of, recipe, known["data"])
    situation = Situation(recipe, known, folder, manifest, measure)
    found: Seconds | None = importlib.import_module(stage.estimate).expected_seconds(situation)
    return found


def _prepare(stage: Stage, recipe: Recipe, folder: Path) -> Path:
    """Run the data stage aside."""
    importlib.import_module(stage.module).run(getattr(recipe, stage.name), {}, folder)
    return folder


def _content(folder: Path) -> str:
    manifest = read_manifest(folder)
    return hash_json(hash_files(folder)) if manifest is None else manifest.content
