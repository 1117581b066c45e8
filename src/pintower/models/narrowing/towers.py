"""Embeddings as their coordinates along fewer axes, and a tower that gives these."""

import copy

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import Normalize
from torch import Tensor, nn

from pintower.models.feature_projection import FeatureProjection

__all__ = ["along", "narrow_tower"]


@torch.no_grad()
def narrow_tower(encoder: SentenceTransformer, axes: Tensor) -> SentenceTransformer:
    """Return an encoder that gives the embeddings' coordinates along some axes.

    They have length one where the encoder's own have. A linear projection before the normalization
    takes the axes in: a positive factor for the whole embedding plays no part after it. Without
    such a projection the encoder gets one behind all its modules.

    Args:
        encoder: not changed.
        axes: orthonormal rows FP32 [W, D]; the first rows of the identity cut the embedding.
    """
    modules = list(copy.deepcopy(encoder))
    normalized = _has_unit_length(encoder)
    if normalized and len(modules) > 1 and _is_linear(modules[-2]):
        modules[-2] = _narrower(modules[-2], axes)
    else:
        width, whole = axes.shape
        added = Dense(whole, width, bias=False, activation_function=nn.Identity())
        added.linear.weight.copy_(axes)
        modules += [added, *([Normalize()] if normalized else [])]
    similarity = encoder.similarity_fn_name
    made = SentenceTransformer(modules=modules, device="cpu", similarity_fn_name=similarity)
    return made.float().eval()


@torch.no_grad()
def along(embeddings: Tensor, axes: Tensor, encoder: SentenceTransformer) -> Tensor:
    """Return what :func:`narrow_tower` makes of an encoder's embeddings: FP32 [N, W].

    Args:
        embeddings: FP32 [N, D].
        axes: orthonormal rows FP32 [W, D].
        encoder: that gave them.
    """
    turned = embeddings @ axes.T
    return nn.functional.normalize(turned, dim=1) if _has_unit_length(encoder) else turned


def _has_unit_length(encoder: SentenceTransformer) -> bool:
    return isinstance(list(encoder)[-1], Normalize)


def _is_linear(module: nn.Module) -> bool:
    """Return whether a module is a projection, of a text alone or with feature vectors."""
    if isinstance(module, FeatureProjection):
        return True
    if not isinstance(module, Dense) or getattr(module, "use_residual", False):
        return False
    return isinstance(module.activation_function, nn.Identity)


def _narrower(module: Dense | FeatureProjection, axes: Tensor) -> Dense | FeatureProjection:
    """Return a projection that gives the coordinates of another's outputs along axes."""
    width = len(axes)
    if isinstance(module, FeatureProjection):
        made = FeatureProjection(module.text_width, module.columns, width)
        made.norm.load_state_dict(module.norm.state_dict())
        _turn(module.text, made.text, axes)
        _turn(module.features, made.features, axes)
        return made
    bias = module.linear.bias is not None
    plain = Dense(module.in_features, width, bias=bias, activation_function=nn.Identity())
    _turn(module.linear, plain.linear, axes)
    return plain


def _turn(layer: nn.Linear, narrower: nn.Linear, axes: Tensor) -> None:
    narrower.weight.copy_(axes @ layer.weight)
    if layer.bias is not None:
        narrower.bias.copy_(axes @ layer.bias)
