"""The pipeline: runs the stages that have to run again.

A folder whose manifest carries the stage's key (:mod:`pintower.keys`) is complete and unchanged and
is skipped. Of the data a stage is given its view alone, in a folder of links and selected rows.
"""

import importlib
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pintower.artifacts import (
    hash_files,
    hash_json,
    lock_folder,
    read_manifest,
    require_place,
    write_folder,
)
from pintower.config import Recipe
from pintower.errors import InputError
from pintower.keys import Input, changed_parts, data_view, stage_parts
from pintower.stages import Stage

__all__ = ["Begun", "Outcome", "given_inputs", "require_own", "require_places", "run_stages"]

logger = logging.getLogger(__name__)

Begun = Callable[[Recipe, Path], None]
"""Takes a recipe whose open keys are settled, and the data stage's folder."""

_VIEWS = ".views"
"""Folder in the work folder, there while a stage runs."""


@dataclass(frozen=True)
class Outcome:
    """What became of a stage.

    Attributes:
        stage: its name.
        ran: False if it was complete and unchanged.
        seconds: it took, now or when it ran.
        info: the numbers in its manifest.
    """

    stage: str
    ran: bool
    seconds: float
    info: Mapping[str, Any]


def run_stages(
    stages: Sequence[Stage],
    recipe: Recipe,
    workdir: Path,
    *,
    given: Mapping[str, Path] | None = None,
    force_from: str | None = None,
    begun: Begun | None = None,
) -> list[Outcome]:
    """Run the stages that are not complete and unchanged.

    Args:
        stages: in order.
        recipe: their config.
        workdir: made if absent.
        given: folders made elsewhere that stand for a stage (``{"student": path}``).
        force_from: run this stage and the later ones whatever their manifests say.
        begun: called when the data is there, with the recipe as it is settled by it.

    Returns:
        One outcome a stage.

    Raises:
        PintowerError: as the stages do; SetupError if another run works in the same folder.
    """
    require_places(stages, recipe, workdir)
    inputs = given_inputs(given)
    outcomes: list[Outcome] = []
    forced = False
    with lock_folder(workdir, "give another --workdir"):
        shutil.rmtree(workdir / _VIEWS, ignore_errors=True)
        for stage in stages:
            forced = forced or stage.name == force_from
            outcomes.append(_run_stage(stage, recipe, workdir, inputs, force=forced))
            if stage.name == "data":
                from pintower.encoder_choice import settled  # polars takes a while to import

                recipe = settled(recipe, inputs["data"].folder)
                if begun is not None:
                    begun(recipe, inputs["data"].folder)
    return outcomes


def given_inputs(given: Mapping[str, Path] | None) -> dict[str, Input]:
    """Return the folders made elsewhere as inputs."""
    return {name: Input(path, hash_json(hash_files(path))) for name, path in (given or {}).items()}


def _run_stage(
    stage: Stage, recipe: Recipe, workdir: Path, inputs: dict[str, Input], *, force: bool
) -> Outcome:
    section, folder = getattr(recipe, stage.name), stage.place(workdir)
    read = {name: inputs[name] for name in stage.inputs if name in inputs}
    manifest = read_manifest(folder)
    parts = stage_parts(stage, recipe, read, None if manifest is None else folder)
    why = ["asked for"] if force else changed_parts(manifest, parts)
    if why:
        logger.info("%s: running (%s)", stage.name, "; ".join(why))
        started = time.monotonic()
        info: dict[str, Any] = {}
        run = importlib.import_module(stage.module).run
        found = data_view(stage, read, None)
        drawn = read["data"].content if found is not None and found[0].drawn else ""
        with (
            _folders(stage, read, workdir) as folders,
            write_folder(
                folder,
                stage=stage.name,
                key=hash_json([parts, drawn]),  # what was drawn counts as long as it is not whole
                info=info,
                resume=stage.resumable,
                parts=parts,
                drawn=drawn,
            ) as partial,
        ):
            info.update(run(section, folders, partial))
            made = stage_parts(stage, recipe, read, partial)
            parts.clear()
            parts.update(made)
        logger.info("%s: done in %.1f s", stage.name, time.monotonic() - started)
        manifest = read_manifest(folder)
    if manifest is None:
        raise InputError(f"{folder} lost its manifest while the run was going on.")
    inputs[stage.name] = Input(folder, manifest.content)
    return Outcome(stage.name, bool(why), manifest.seconds, manifest.info)


@contextmanager
def _folders(stage: Stage, read: Mapping[str, Input], workdir: Path) -> Iterator[dict[str, Path]]:
    """Give the folders that a stage reads; of the data its view, as long as the block lasts."""
    folders = {name: entry.folder for name, entry in read.items()}
    found = data_view(stage, read, None)
    if found is None:
        yield folders
        return
    view, source = found
    place = workdir / _VIEWS / stage.name
    place.mkdir(parents=True)
    try:
        view.write(source, place)
        yield {**folders, "data": place}
    finally:
        shutil.rmtree(workdir / _VIEWS)


def require_places(stages: Sequence[Stage], recipe: Recipe, workdir: Path) -> None:
    """Refuse, before any stage runs, a work folder in which one of them cannot put its folder.

    Raises:
        InputError: if a place cannot be made, holds another's files, or holds the dataset.
    """
    require_place(workdir)
    for stage in stages:
        folder = stage.place(workdir)
        _require_apart(folder, stage, getattr(recipe, stage.name))
        require_own(folder, stage.name)


def _require_apart(folder: Path, stage: Stage, section: Any) -> None:
    """Refuse to write a stage's folder where the dataset lies."""
    given = getattr(section, "path", None)
    if given is not None and folder.resolve() in (given.resolve(), *given.resolve().parents):
        raise InputError(
            f"The dataset folder {given} lies where the run writes its {stage.name} folder. Give "
            "another --workdir."
        )


def require_own(folder: Path, stage: str) -> None:
    """Refuse to put a stage's folder in the place of one that this stage did not make.

    Raises:
        InputError: if the folder holds files and no manifest of the stage, or cannot be made.
    """
    require_place(folder)
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    manifest = read_manifest(folder)
    if manifest is None or manifest.stage != stage:
        raise InputError(
            f"{folder} holds files that pintower did not make, and the {stage} stage would "
            "replace them. Move them, or give another folder."
        )
