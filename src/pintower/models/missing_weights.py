"""Weights that an encoder computes with and its folder lacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel

from pintower.errors import StudentError

__all__ = ["LoadedModel", "require_weights"]

_PROBE = 8
"""Tokens of the text that tells which weights count."""

_NAMED = 3


@dataclass(frozen=True)
class LoadedModel:
    """A model of transformers as it was loaded.

    Attributes:
        model: the model.
        lacking: names of its weights that the folder lacks, or has in another shape. They are
            random.
        foreign: names in the folder that the model does not know.
    """

    model: PreTrainedModel
    lacking: frozenset[str]
    foreign: frozenset[str]


def require_weights(loaded: Sequence[LoadedModel], folder: Path, *, new_head: bool = False) -> None:
    """Refuse models whose output depends on weights that their folder lacks.

    A weight that nothing depends on may lack, a pooler that is not used above all. What the output
    depends on is read off its gradient, whatever the model's family.

    Args:
        loaded: see :func:`pintower.models.loading.loading`.
        folder: they were loaded from.
        new_head: the layers behind the backbone are to be trained, and none are expected.

    Raises:
        StudentError: naming what lacks.
    """
    for item in loaded:
        if lacking := _used(item, new_head):
            raise StudentError(_told(item, lacking, folder))


@torch.enable_grad()
def _used(item: LoadedModel, new_head: bool) -> list[str]:
    if not item.lacking:
        return []
    model = item.model.base_model if new_head else item.model
    weights = dict(item.model.named_parameters(remove_duplicate=False))
    lacking = sorted(item.lacking)
    named = [name for name in lacking if name in weights and weights[name].is_floating_point()]
    tokens = torch.arange(1, _PROBE + 1, device=item.model.device)[None]
    try:
        output = model(input_ids=tokens, attention_mask=torch.ones_like(tokens))[0]
        gradients = torch.autograd.grad(
            output.float().sum(), [weights[name] for name in named], allow_unused=True
        )
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
        return lacking  # a family that takes no such text: then each weight counts
    unused = {name for name, given in zip(named, gradients, strict=True) if given is None}
    return [name for name in lacking if name not in unused]


def _told(item: LoadedModel, lacking: Sequence[str], folder: Path) -> str:
    model, count = type(item.model).__name__, len(item.model.state_dict())
    known = f"It holds {_some(sorted(item.foreign))} instead. " if item.foreign else ""
    code = ""
    if "auto_map" in item.model.config.to_dict():
        code = " config.json names code of its own for it (auto_map), which is not run."
    return (
        f"{folder} lacks {len(lacking)} of the {count} weights of a {model}, or has them in "
        f"another shape: {_some(lacking)}. {known}They would be random. Its config.json and its "
        f"weights are of two models, or the weights were renamed or saved in part.{code}"
    )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
