"""Putting a model repository together: hand-written models, built graphs, generated configs."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pintower.snapshot
import pintower.text
from pintower.artifacts import read_json
from pintower.assets import asset
from pintower.contracts import Contract
from pintower.errors import RepositoryError
from pintower.repository.configs import model_configs
from pintower.repository.interfaces import ENSEMBLES, PYTHON_MODELS, SERVED_GRAPHS
from pintower.repository.layout import RepositoryLayout
from pintower.repository.pbtxt import format_config
from pintower.snapshot import Snapshot

__all__ = ["Parts", "build_models", "current_snapshot", "open_snapshot"]

_ENSEMBLE_NOTE = (
    "An ensemble has no files of its own; Triton wants its version's folder to exist.\n"
)


@dataclass(frozen=True)
class Parts:
    """What a repository is built from.

    Attributes:
        contract: resolved.
        graphs: folder that the contract's files are relative to.
        tokenizer: the query encoder's ``tokenizer.json``.
        rendering: ``text.json``.
        snapshot: folder of the pin snapshot.
    """

    contract: Contract
    graphs: Path
    tokenizer: Path
    rendering: Path
    snapshot: Path


def current_snapshot(pins: Path) -> Path:
    """Return the folder of the snapshot that a pins folder says to serve.

    Raises:
        RepositoryError: if there is none.
    """
    name = read_json(pins / "current.json").get("snapshot")
    folder = pins / "snapshots" / str(name)
    if not folder.is_dir():
        raise RepositoryError(f"{pins / 'current.json'} names {name!r}, but {folder} is missing.")
    return folder


def open_snapshot(parts: Parts) -> Snapshot:
    """Open the snapshot and hold it to the contract.

    Raises:
        RepositoryError: if it was made by another pin encoder, has another width or cannot be read.
    """
    contract = parts.contract
    try:
        snapshot = Snapshot.open(parts.snapshot)
        found = {name: snapshot.info[name] for name in ("space_id", "width")}
    except (OSError, ValueError, KeyError) as error:
        raise RepositoryError(f"The snapshot {parts.snapshot} cannot be used: {error}") from error
    for name, value in (("space_id", contract.space_id), ("width", contract.symbols["D"])):
        if found[name] != value:
            raise RepositoryError(
                f"The snapshot {parts.snapshot} has {name} {found[name]}, the exported graphs have "
                f"{value}: query encoder and pins do not belong together. Embed the pins again "
                "with the exported pin encoder."
            )
    return snapshot


def build_models(parts: Parts, root: Path, version: int) -> None:
    """Write every model of a release into an empty folder, ``contract.json`` beside them.

    Args:
        parts: checked before.
        root: the model repository.
        version: of every model.
    """
    layout = RepositoryLayout(root)
    for name, config in model_configs(parts.contract, version).items():
        layout.version(name, version).mkdir(parents=True)
        layout.config(name).write_text(format_config(config), "utf-8")
    for name in SERVED_GRAPHS:
        source = parts.graphs / parts.contract.graphs[name].file
        shutil.copyfile(source, layout.graph(name, version))
    for name in PYTHON_MODELS:
        _write_python_model(name, layout.version(name, version), parts.rendering)
    shutil.copyfile(parts.tokenizer, layout.version("tokenizer", version) / "tokenizer.json")
    reader = Path(pintower.snapshot.__file__)
    package = layout.version("pin_features", version) / "pintower"
    shutil.copyfile(reader, package / reader.name)
    _link_tree(parts.snapshot, layout.snapshot(version))
    for name in ENSEMBLES:
        note = layout.version(name, version) / "ensemble.txt"
        note.write_text(_ENSEMBLE_NOTE, "utf-8")
    parts.contract.save(layout.contract)


def _write_python_model(name: str, folder: Path, rendering: Path) -> None:
    """Write ``model.py``, ``text.json`` and the library's text package."""
    shutil.copyfile(asset("triton_models", name, "model.py"), folder / "model.py")
    shutil.copyfile(rendering, folder / "text.json")
    text = folder / "pintower" / "text"
    text.mkdir(parents=True)
    (folder / "pintower" / "__init__.py").write_text("", "utf-8")
    for path in sorted(Path(pintower.text.__path__[0]).glob("*.py")):
        shutil.copyfile(path, text / path.name)


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
