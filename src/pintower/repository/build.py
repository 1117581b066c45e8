"""Putting a model repository together: hand-written models, built graphs, generated configs."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pintower
from pintower.artifacts import write_json
from pintower.assets import asset
from pintower.repository.configs import model_configs
from pintower.repository.interfaces import (
    PYTHON_MODELS,
    SERVED_GRAPHS,
    TEXT_MODELS,
    ensembles,
    interfaces,
)
from pintower.repository.layout import RepositoryLayout, text_checksum
from pintower.repository.parts import Parts
from pintower.repository.pbtxt import format_config
from pintower.repository.release_file import identity
from pintower.repository.warmup import Warmup, write_warmups

__all__ = ["build_models", "copy_package"]

_ENSEMBLE_NOTE = (
    "An ensemble has no files of its own; Triton wants its version's folder to exist.\n"
)


def build_models(
    parts: Parts, root: Path, version: int, warmups: Mapping[str, Sequence[Warmup]]
) -> None:
    """Write every model of a release into an empty folder, ``contract.json`` beside them.

    Args:
        parts: checked before.
        root: the model repository.
        version: of every model.
        warmups: what each step answers before it is ready, by the step's name.
    """
    layout = RepositoryLayout(root)
    configs = model_configs(parts.contract, version)
    for name in configs:
        layout.version(name, version).mkdir(parents=True)
    for name in SERVED_GRAPHS:
        source = parts.graphs / parts.contract.graphs[name].file
        shutil.copyfile(source, layout.graph(name, version))
    for name in interfaces(parts.contract).keys() & {*PYTHON_MODELS}:
        _write_python_model(name, layout.version(name, version))
    shutil.copyfile(parts.tokenizer, layout.version("tokenizer", version) / "tokenizer.json")
    shutil.copyfile(parts.rendering, layout.version("tokenizer", version) / "text.json")
    encoder = {"artifact_id": parts.contract.graphs["query_encoder"].artifact_id}
    write_json(layout.served_encoder(version), encoder)
    copy_package("snapshot", layout.version("pin_features", version))
    _link_tree(parts.snapshot, layout.snapshot(version))
    for key, value in _identity(parts, layout, version).items():
        configs["relevance"].parameters[key].string_value = value
    for name, config in configs.items():
        if name in warmups:
            write_warmups(config, warmups[name], layout.config(name).parent)
        layout.config(name).write_text(format_config(config), "utf-8")
    for name in ensembles(parts.contract):
        note = layout.version(name, version) / "ensemble.txt"
        note.write_text(_ENSEMBLE_NOTE, "utf-8")
    parts.contract.save(layout.contract)


def _identity(parts: Parts, layout: RepositoryLayout, version: int) -> dict[str, str]:
    """Return what the release is told by, once the models that carry text are written."""
    return identity(
        parts.contract.space_id,
        {name: parts.contract.graphs[name].artifact_id for name in SERVED_GRAPHS},
        parts.snapshot_id,
        text_checksum(layout.version("tokenizer", version)),
    )


def copy_package(name: str, folder: Path) -> None:
    """Copy one of the library's packages that need numpy alone into a model's version folder."""
    target = folder / "pintower" / name
    target.mkdir(parents=True)
    (target.parent / "__init__.py").write_text("", "utf-8")
    for path in sorted((Path(pintower.__path__[0]) / name).glob("*.py")):
        shutil.copyfile(path, target / path.name)


def _write_python_model(name: str, folder: Path) -> None:
    """Write ``model.py`` and, for a model that reads text, the library's text package."""
    shutil.copyfile(asset("triton_models", name, "model.py"), folder / "model.py")
    if name not in TEXT_MODELS:
        return
    copy_package("text", folder)


def _link_tree(source: Path, target: Path) -> None:
    """Copy a folder of immutable files, by hard links where the file system allows it."""
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, place)
        except OSError:  # another file system
            shutil.copyfile(path, place)
