"""The way that a query, or a document, takes through an encoder whose router tells them apart."""

from pathlib import Path
from typing import Literal

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router
from torch import nn

from pintower.errors import StudentError

__all__ = ["routed"]

_OTHER_NAMES = {"query": (), "document": ("doc", "passage", "corpus")}
"""Names of routes from before sentence-transformers had any of its own."""


def routed(
    encoder: SentenceTransformer, side: Literal["query", "document"], folder: Path
) -> list[nn.Module]:
    """Return the modules that one side's text goes through, in their order.

    A route is chosen as ``encode_query`` and ``encode_document`` of sentence-transformers choose
    it: by the router's mappings, then by name. Folders older than those have names of their
    author's; the usual ones for a document are known.

    Raises:
        StudentError: if no route is meant for that side.
    """
    modules: list[nn.Module] = []
    for module in encoder:
        modules += _route(module, side, folder) if isinstance(module, Router) else [module]
    return modules


def _route(router: Router, side: str, folder: Path) -> list[nn.Module]:
    routes, mappings = router.sub_modules, router.route_mappings
    places = ((side, "text"), (side, None), (None, "text"), (None, None))
    mapped = next((mappings[place] for place in places if place in mappings), None)
    named = next((name for name in (side, *_OTHER_NAMES[side], "text") if name in routes), None)
    chosen = mapped or named
    if chosen is None:
        wanted = " or ".join(repr(name) for name in (side, *_OTHER_NAMES[side]))
        raise StudentError(
            f"{folder} has the routes {', '.join(map(repr, routes))}, none of them for a {side}. "
            f"Name one {wanted} in its router_config.json (config.json in an older folder)."
        )
    return list(routes[chosen])
