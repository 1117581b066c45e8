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

from pintower.artifacts import hash_files, hash_json, read_manifest
from pintower.config import Recipe
from pintower.keys import Input, changed_parts, data_view, stage_parts
from pintower.pipeline import given_inputs, require_own
from pintower.stages import Stage

__all__ = ["Forecast", "forecast"]


@dataclass(frozen=True)
class Forecast:
    """What would become of a stage.

    Attributes:
        stage: its name.
        state: ``runs``, ``may run`` (as what it reads comes out) or ``up to date``.
        why: reasons; of a stage that is up to date, what it was drawn from and no longer is.
        minutes: that its last run took; None where it has not run.
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
) -> list[Forecast]:
    """Tell what :func:`pintower.pipeline.run_stages` would do, with the same arguments.

    Raises:
        InputError: if a folder is in the way.
        DatasetError: if the dataset cannot be used.
    """
    inputs = given_inputs(given)
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
    return told


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
    require_own(folder, stage.name)
    manifest = read_manifest(folder)
    minutes = None if manifest is None else manifest.seconds / 60
    if force:
        return Forecast(stage.name, "runs", ("asked for",), minutes)
    if manifest is None:
        return Forecast(stage.name, "runs", tuple(changed_parts(None, {})), minutes)
    waiting = [name for name in stage.inputs if name in open_ended]
    if missing := [name for name in waiting if name not in inputs]:
        why = (f"as {' and '.join(missing)} comes out, which is not there",)
        return Forecast(stage.name, "may run", why, minutes)
    read = {name: inputs[name] for name in stage.inputs if name in inputs}
    parts = stage_parts(stage, recipe, read, folder)
    if changed := changed_parts(manifest, parts):
        return Forecast(stage.name, "runs", tuple(changed), minutes)
    if waiting:
        why = (f"if {' or '.join(waiting)} comes out otherwise than before",)
        return Forecast(stage.name, "may run", why, minutes)
    found = data_view(stage, read, folder)
    if found is not None and found[0].drawn and manifest.drawn != read["data"].content:
        kept = f"keeps what it drew from the data before; --from {stage.name} draws again"
        return Forecast(stage.name, "up to date", (kept,), minutes)
    return Forecast(stage.name, "up to date", (), minutes)


def _prepare(stage: Stage, recipe: Recipe, folder: Path) -> Path:
    """Run the data stage aside."""
    importlib.import_module(stage.module).run(getattr(recipe, stage.name), {}, folder)
    return folder


def _content(folder: Path) -> str:
    manifest = read_manifest(folder)
    return hash_json(hash_files(folder)) if manifest is None else manifest.content
