"""How deep a student is trained: from the projections alone to everything."""

import copy

from sentence_transformers import SentenceTransformer

from pintower.config import Depth
from pintower.models.encoders import layer_stack, train_last_layers
from pintower.models.first_module import transformer_of

__all__ = ["frozen_backbones", "open_towers"]

_LAST = 3
"""One layer of so many is among the last ones."""


def open_towers(
    query_encoder: SentenceTransformer, pin_encoder: SentenceTransformer, depth: Depth, *, one: bool
) -> tuple[SentenceTransformer, SentenceTransformer]:
    """Return copies of both towers in which just the weights of a depth are trained.

    Args:
        query_encoder: as :func:`pintower.models.encoders.build_encoder` makes it.
        pin_encoder: likewise.
        depth: what is trained.
        one: both backbones are the same encoder: where both are trained, they stay one, which
            learns from both sides.
    """
    towers = copy.deepcopy((query_encoder, pin_encoder))
    query, pin = towers
    layers = {"projections": (0, 0), "query": (None, 0), "all": (None, None)}.get(depth)
    for tower, count in zip(towers, layers or map(_last, towers), strict=True):
        train_last_layers(tower, count)
    if one and depth in ("last", "all"):
        pin = SentenceTransformer(modules=[*list(query)[:-2], *list(pin)[-2:]], device="cpu")
    return query, pin


def frozen_backbones(depth: Depth) -> tuple[bool, bool]:
    """Return whether the query encoder's and the pin encoder's backbone stay as they are."""
    return depth == "projections", depth in ("projections", "query")


def _last(tower: SentenceTransformer) -> int:
    return max(1, round(len(layer_stack(transformer_of(tower))) / _LAST))
