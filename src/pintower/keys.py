"""A stage's key: what its outcome depends on, part by part, and which part has changed.

The parts are the versions of pintower and of its text rules, each key of its section of the recipe,
the content of the folders it reads, of the data each file of its view (:mod:`pintower.data.views`),
and the hand-written files it builds from. Of a user's dataset and local encoders the bytes count,
not the place.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pintower import __version__
from pintower.artifacts import Manifest, hash_files, hash_json
from pintower.assets import asset
from pintower.config import Recipe
from pintower.stages import Stage
from pintower.text.version import VERSION as TEXT_RULES

if TYPE_CHECKING:
    from pintower.data.selection import Source
    from pintower.data.views import View

__all__ = ["Input", "changed_parts", "data_view", "stage_parts"]

_SHOWN = 60


@dataclass(frozen=True)
class Input:
    """A folder that stages read.

    Attributes:
        folder: where it lies.
        content: hash over its files.
    """

    folder: Path
    content: str


def stage_parts(
    stage: Stage, recipe: Recipe, inputs: Mapping[str, Input], own: Path | None
) -> dict[str, Any]:
    """Return what a stage's outcome depends on.

    Args:
        stage: one of the recipe's.
        recipe: says how.
        inputs: folders there are, by stage.
        own: the stage's own folder, where it is complete: which pins it read follows from it.
    """
    parts: dict[str, Any] = {"version": __version__, "text rules": TEXT_RULES}
    parts |= {f"{stage.name}.{key}": value for key, value in _config(recipe, stage.name).items()}
    found = data_view(stage, inputs, own)
    for name in stage.inputs:
        if name == "data" and found is not None:
            view, source = found
            hashes = view.hashes(source)
            parts |= {f"data/{file}": digest for file, digest in hashes.items()}
        elif name in inputs:
            parts[f"{name}/"] = inputs[name].content
    return parts | {f"hand-written {name}/": _sources(asset(name)) for name in stage.assets}


def data_view(
    stage: Stage, inputs: Mapping[str, Input], own: Path | None
) -> "tuple[View, Source] | None":
    """Return a stage's view of the data and where it is taken from; None for the whole folder."""
    if not stage.view or "data" not in inputs:
        return None
    from pintower.data.selection import Source  # polars takes a while to import
    from pintower.data.views import VIEWS

    labels = inputs["labels"].folder if "labels" in inputs else None
    labels = own if stage.name == "labels" else labels
    return VIEWS[stage.view], Source(inputs["data"].folder, labels)


def changed_parts(manifest: Manifest | None, parts: Mapping[str, Any]) -> list[str]:
    """Return what of a stage's parts is otherwise than when it ran; nothing where nothing is."""
    if manifest is None:
        return ["it has not run yet"]
    if manifest.key == hash_json(parts):
        return []
    if not manifest.parts:
        return ["an earlier version of pintower ran it"]
    names = dict.fromkeys([*parts, *manifest.parts])
    return [
        _explain(name, manifest.parts.get(name), parts.get(name))
        for name in names
        if manifest.parts.get(name) != parts.get(name)
    ]


def _explain(name: str, before: Any, now: Any) -> str:
    if name == "data.path":
        return "the dataset changed"
    if name.endswith("/") or name.startswith("data/"):
        return f"{name} changed"
    values = [json.dumps(value, ensure_ascii=False) for value in (now, before)]
    if max(map(len, values)) > _SHOWN:
        return f"{name} changed"
    return f"{name} is {values[0]}, was {values[1]}"


def _config(recipe: Recipe, name: str) -> dict[str, Any]:
    """Return what of a section counts: of a folder its bytes, not its place."""
    section = getattr(recipe, name)
    values: dict[str, Any] = section.model_dump(mode="json")
    for key, value in values.items():
        if key.endswith(("encoder", "plan")) and value and Path(value).is_dir():
            values[key] = hash_files(Path(value))
    path = getattr(section, "path", None)
    if path is not None:
        from pintower.data.reader import fingerprint

        values["path"] = fingerprint(path)
    return values


def _sources(folder: Path) -> str:
    hashes = hash_files(folder)
    return hash_json({name: value for name, value in hashes.items() if "__pycache__" not in name})
