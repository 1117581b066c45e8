"""Kinds of modules that can be served, read off a folder's own list before any is loaded."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pintower.artifacts import read_json
from pintower.errors import StudentError

__all__ = ["SUPPORTED", "require_known_kinds"]

_ROUTERS = ("Asym", "Router")
_INPUTS = ("StaticEmbedding", "Transformer")
_LATER = ("Pooling", "Dense", "LayerNorm", "Dropout", "Normalize")
_MODULES = (*_INPUTS, *_LATER, *_ROUTERS)
SUPPORTED = (
    "Supported are text encoders of one transformer or one table of token embeddings: Hugging Face "
    f"folders, and sentence-transformers folders of {', '.join(_MODULES)}, with a fast tokenizer "
    "(tokenizer.json)."
)
"""What an error tells that could be given instead."""


def require_known_kinds(folder: Path) -> None:
    """Refuse a sentence-transformers folder with a module that cannot be served.

    Args:
        folder: with ``modules.json``.

    Raises:
        StudentError: naming the module, or the order that is wanted.
    """
    path = folder / "config_sentence_transformers.json"
    settings = read_json(path) if path.is_file() else {}
    kind = settings.get("model_type", "SentenceTransformer")
    if kind != "SentenceTransformer":
        raise StudentError(f"{folder} is a {kind}, no bi-encoder. {SUPPORTED}")
    modules = _described(folder / "modules.json")
    _require_kinds(folder, (module["type"] for module in modules))
    for kinds in _sides(folder, modules):
        _require_order(folder, kinds)


def _described(path: Path) -> list[dict[str, Any]]:
    modules = read_json(path)
    if not isinstance(modules, list) or not all("type" in module for module in modules):
        raise StudentError(f"{path} does not list modules as sentence-transformers writes them.")
    return modules


def _require_kinds(folder: Path, types: Iterable[str], kinds: Iterable[str] = _MODULES) -> None:
    for name in types:
        if not name.startswith("sentence_transformers.") or _kind(name) not in kinds:
            raise StudentError(f"{folder} has a module {name}, which cannot be served. {SUPPORTED}")


def _kind(name: str) -> str:
    return str(name).rpartition(".")[2]


def _sides(folder: Path, modules: list[dict[str, Any]]) -> list[list[str]]:
    """Return the kinds that a text goes through, for each route of the folder's router."""
    routers = [module for module in modules if _kind(module["type"]) in _ROUTERS]
    if len(routers) > 1:
        raise StudentError(f"{folder} has {len(routers)} routers, at most one can be served.")
    routes = _routes(folder, routers[0]) if routers else [[]]
    return [
        [
            kind
            for module in modules
            for kind in (route if module in routers else [_kind(module["type"])])
        ]
        for route in routes
    ]


def _routes(folder: Path, router: Mapping[str, Any]) -> list[list[str]]:
    place = folder / str(router.get("path", ""))
    path = place / "router_config.json"
    described = read_json(path if path.is_file() else place / "config.json")
    try:
        types = {name: str(kind) for name, kind in described["types"].items()}
        structure = {name: list(parts) for name, parts in described["structure"].items()}
        routes = [[_kind(types[part]) for part in parts] for parts in structure.values()]
    except (AttributeError, KeyError, TypeError) as error:
        raise StudentError(f"{place} does not describe the routes of a router.") from error
    _require_kinds(place, types.values(), [kind for kind in _MODULES if kind not in _ROUTERS])
    return routes


def _require_order(folder: Path, kinds: list[str]) -> None:
    poolings = {"Transformer": 1, "StaticEmbedding": 0}.get(kinds[0] if kinds else "")
    inputs = sum(kind in _INPUTS for kind in kinds)
    if poolings is None or inputs != 1 or kinds.count("Pooling") != poolings:
        raise StudentError(
            f"{folder} has the modules {', '.join(kinds)}; wanted are one Transformer first and "
            f"one Pooling, or one StaticEmbedding first and none. {SUPPORTED}"
        )
