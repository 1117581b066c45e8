"""Files of an encoder's folder, looked at before a library reads them: all there, and whole."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from pintower.artifacts import read_json
from pintower.errors import StudentError

__all__ = ["require_whole_files"]

_POINTER = b"version https://git-lfs.github.com/spec/"
_TEXT = (
    "added_tokens.json", "config.json", "config_sentence_transformers.json", "merges.txt",
    "modules.json", "router_config.json", "sentence_bert_config.json", "sentencepiece.bpe.model",
    "special_tokens_map.json", "spiece.model", "tokenizer.json", "tokenizer.model",
    "tokenizer_config.json", "vocab.json", "vocab.txt",
)  # fmt: skip
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Files of weights in the order in which the libraries look for them."""

_WITHOUT_CONFIG = ("Normalize", "StaticEmbedding", "Transformer")
"""Kinds of modules that need no config.json in the folder of their own."""


def require_whole_files(folder: Path) -> None:
    """Check the files that an encoder is loaded from, those of its modules among them.

    Args:
        folder: of a Hugging Face or sentence-transformers encoder.

    Raises:
        StudentError: naming the file that is a pointer of Git LFS, cut short, no JSON, or missing.
    """
    for place in _places(folder):
        for name in _TEXT:
            if (place / name).is_file():
                _require_text(place / name)
        for path in _weights(place):
            _require_tensors(path)


def _places(folder: Path) -> Iterator[Path]:
    """Yield the folder and those of its modules, a router's among them."""
    yield folder
    path = folder / "modules.json"
    if path.is_file():
        _require_text(path)
        yield from _module_places(folder, read_json(path))


def _module_places(folder: Path, modules: Any) -> Iterator[Path]:
    described = [item for item in modules if isinstance(item, dict)]
    for module in described:
        place, kind = folder / str(module.get("path", "")), _kind(module.get("type"))
        if kind in ("Asym", "Router"):
            yield from _routed_places(place)
        else:
            _require_config(place, kind)
        if place != folder:
            yield place


def _routed_places(place: Path) -> Iterator[Path]:
    path = place / "router_config.json"
    path = path if path.is_file() else place / "config.json"
    if not path.is_file():
        raise StudentError(_missing(path, "Router"))
    _require_text(path)
    types = read_json(path).get("types")
    for name, kind in (types if isinstance(types, dict) else {}).items():
        _require_config(place / name, _kind(kind))
        yield place / name


def _kind(name: Any) -> str:
    return str(name).rpartition(".")[2]


def _require_config(place: Path, kind: str) -> None:
    path = place / "config.json"
    if kind not in _WITHOUT_CONFIG and not path.is_file():
        raise StudentError(_missing(path, kind))


def _missing(path: Path, kind: str) -> str:
    return (
        f"{path} is missing: modules.json lists a {kind} there. Copy the encoder's folder whole, "
        "with all folders in it."
    )


def _weights(place: Path) -> list[Path]:
    """Return the files of weights that would be read from a folder: one, or all its shards."""
    for name in _WEIGHTS:
        if (place / name).is_file():
            return [place / name]
        index = place / f"{name}.index.json"
        if index.is_file():
            return _shards(index)
    return []


def _shards(index: Path) -> list[Path]:
    _require_text(index)
    try:
        shards = sorted({str(name) for name in read_json(index)["weight_map"].values()})
    except (AttributeError, KeyError, TypeError) as error:
        raise StudentError(f"{index} does not say which file holds which weight.") from error
    paths = [index.with_name(name) for name in shards]
    if absent := [path.name for path in paths if not path.is_file()]:
        raise StudentError(
            f"{index.parent} lacks {len(absent)} of the {len(paths)} files of weights that "
            f"{index.name} names: {', '.join(absent[:3])}. Download them."
        )
    return paths


def _require_text(path: Path) -> None:
    _require_no_pointer(path)
    if path.suffix == ".json":
        try:
            json.loads(path.read_text("utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise StudentError(
                f"{path} is not valid JSON ({error}): {path.stat().st_size:,} bytes. Copy or "
                "download it again."
            ) from error


def _require_no_pointer(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise StudentError(
                f"{path} is a pointer of Git LFS, not the file itself. Run `git lfs install` and "
                "`git lfs pull` in the folder that was cloned."
            )


def _require_tensors(path: Path) -> None:
    _require_no_pointer(path)
    if path.suffix != ".safetensors":
        return
    try:
        with safe_open(path, "pt") as file:
            file.keys()
    except SafetensorError as error:
        raise StudentError(
            f"{path} is no whole safetensors file ({error}): {path.stat().st_size:,} bytes. Copy "
            "or download it again."
        ) from error
