"""The pipeline: runs the stages that have to run again.

A stage's key is a hash over its section of the recipe, the content of the folders it reads (a
user's dataset and local encoders too) and the hand-written files it builds from. A folder whose
manifest carries the same key is complete and unchanged and is skipped.
"""

import importlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pintower import __version__
from pintower.artifacts import hash_files, hash_json, lock_folder, read_manifest, write_folder
from pintower.assets import asset
from pintower.config import Recipe
from pintower.errors import InputError
from pintower.stages import Stage

__all__ = ["Outcome", "require_own", "run_stages"]

logger = logging.getLogger(__name__)


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
) -> list[Outcome]:
    """Run the stages that are not complete and unchanged.

    Args:
        stages: in order.
        recipe: their config.
        workdir: made if absent.
        given: folders made elsewhere that stand for a stage (``{"student": path}``).
        force_from: run this stage and the later ones whatever their manifests say.

    Returns:
        One outcome a stage.

    Raises:
        PintowerError: as the stages do; SetupError if another run works in the same folder.
    """
    folders: dict[str, Path] = dict(given or {})
    contents = {name: hash_json(hash_files(path)) for name, path in folders.items()}
    outcomes: list[Outcome] = []
    forced = False
    with lock_folder(workdir, "give another --workdir"):
        for stage in stages:
            forced = forced or stage.name == force_from
            folder = stage.place(workdir)
            outcome = _run_stage(stage, recipe, folder, folders, contents, force=forced)
            outcomes.append(outcome)
    return outcomes


def _run_stage(
    stage: Stage,
    recipe: Recipe,
    folder: Path,
    folders: dict[str, Path],
    contents: dict[str, str],
    *,
    force: bool,
) -> Outcome:
    section = getattr(recipe, stage.name)
    inputs = {name: folders[name] for name in stage.inputs if name in folders}
    key = hash_json(
        {
            "stage": stage.name,
            "version": __version__,
            "config": _config(section),
            "inputs": {name: contents[name] for name in inputs},
            "assets": {name: _sources(asset(name)) for name in stage.assets},
        }
    )
    manifest = read_manifest(folder)
    _require_apart(folder, stage, section)
    require_own(folder, stage.name)
    ran = force or manifest is None or manifest.key != key
    if ran:
        logger.info("%s: running", stage.name)
        started = time.monotonic()
        info: dict[str, Any] = {}
        run = importlib.import_module(stage.module).run
        with write_folder(
            folder, stage=stage.name, key=key, info=info, resume=stage.resumable
        ) as partial:
            info.update(run(section, inputs, partial))
        logger.info("%s: done in %.1f s", stage.name, time.monotonic() - started)
        manifest = read_manifest(folder)
    if manifest is None:
        raise InputError(f"{folder} lost its manifest while the run was going on.")
    folders[stage.name] = folder
    contents[stage.name] = manifest.content
    return Outcome(stage.name, ran, manifest.seconds, manifest.info)


def _config(section: Any) -> dict[str, Any]:
    """Return what of a section counts for the key: of a folder its bytes, not its place."""
    values: dict[str, Any] = section.model_dump(mode="json")
    for name, value in values.items():
        if name.endswith(("encoder", "plan")) and value and Path(value).is_dir():
            values[name] = hash_files(Path(value))
    path = getattr(section, "path", None)
    if path is not None:
        from pintower.data.reader import fingerprint

        values["path"] = fingerprint(path)
    return values


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
        InputError: if the folder holds files and no manifest of the stage.
    """
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    manifest = read_manifest(folder)
    if manifest is None or manifest.stage != stage:
        raise InputError(
            f"{folder} holds files that pintower did not make, and the {stage} stage would "
            "replace them. Move them, or give another folder."
        )


def _sources(folder: Path) -> dict[str, str]:
    hashes = hash_files(folder)
    return {name: value for name, value in hashes.items() if "__pycache__" not in name}
