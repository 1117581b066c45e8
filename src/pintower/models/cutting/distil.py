"""Teaching a query encoder of fewer layers to give the full one's embeddings."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from torch import Tensor, nn

from pintower.errors import StudentError
from pintower.models.encoders import layer_stack
from pintower.models.optimization import Stepper, autocast, quick_gradients, training_device
from pintower.models.tokenization import token_batch
from pintower.progress import track

__all__ = ["cut_layers", "distil", "kept_layers"]

_BATCH = 256
_BATCHES_DRAWN = 4
"""Texts are drawn for some batches at once and sorted by length, so that little is padding."""
_LEARNING_RATE = 5e-4
_WARM_UP = 0.05
_EMBEDDING_WEIGHT = 10.0
_TOKEN_WEIGHT = 0.5


def kept_layers(depth: int, layers: int) -> list[int]:
    """Return the layers a cut encoder starts from: evenly spaced, the first among them.

    Raises:
        StudentError: if ``layers`` is not below ``depth``, or below 1.
    """
    if not 1 <= layers < depth:
        raise StudentError(
            f"The query encoder has {depth} layers and cannot be cut to {layers}; allowed: "
            f"1 to {depth - 1}."
        )
    return [row * depth // layers for row in range(layers)]


def cut_layers(encoder: SentenceTransformer, kept: Sequence[int]) -> SentenceTransformer:
    """Return a copy of an encoder that has only some of its layers."""
    cut = copy.deepcopy(encoder)
    backbone = cut[0].auto_model
    stack = layer_stack(backbone)
    for module in backbone.modules():
        for name, child in module.named_children():
            if child is stack:
                setattr(module, name, nn.ModuleList([stack[row] for row in kept]))
    for key in ("num_hidden_layers", "n_layers", "num_layers"):
        if hasattr(backbone.config, key):
            setattr(backbone.config, key, len(kept))
    return cut


def distil(
    full: SentenceTransformer,
    cut: SentenceTransformer,
    tokenizer: Tokenizer,
    texts: Iterator[list[str]],
    *,
    steps: int,
    bf16: bool,
) -> None:
    """Train a cut encoder in place.

    The loss is one minus the cosine with the full encoder's embedding, and the squared difference
    of the last hidden states, token by token, which tells far more about each text (as in
    TinyBERT, Jiao et al. 2020, https://arxiv.org/abs/1909.10351).

    Args:
        full: the teacher; not changed.
        cut: as :func:`cut_layers` makes it.
        tokenizer: of both.
        texts: rendered, ``_BATCH * _BATCHES_DRAWN`` at a time.
        steps: of the optimizer.
        bf16: train under bfloat16 autocast.
    """
    device = training_device()
    full.to(device).eval()
    cut.to(device).train()
    for module in cut.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    stepper = Stepper([(cut.parameters(), _LEARNING_RATE)], steps, _WARM_UP)
    batches = _batches(tokenizer, texts)
    steady = track(range(steps), "distilling the query encoder", unit="steps")
    with quick_gradients(cut):
        for _ in steady:
            ids, mask = (torch.from_numpy(part).to(device) for part in next(batches))
            with autocast(device, bf16):
                with torch.no_grad():
                    wanted_tokens, wanted = _forward(full, ids, mask)
                tokens, given = _forward(cut, ids, mask)
            apart = 1 - (given.float() * wanted.float()).sum(dim=1).mean()
            weights = mask[..., None].float()
            error = (tokens.float() - wanted_tokens.float()).square() * weights
            hidden = error.sum() / weights.sum() / tokens.shape[-1]
            stepper.step(_EMBEDDING_WEIGHT * apart + _TOKEN_WEIGHT * hidden)
    full.to("cpu")
    cut.to("cpu").eval()


def _forward(encoder: SentenceTransformer, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return last hidden states [B, L, H] and unit embeddings [B, D]."""
    state: dict[str, Any] = encoder[0]({"input_ids": ids, "attention_mask": mask})
    tokens: Tensor = state["token_embeddings"]
    for module in list(encoder)[1:]:
        state = module(state)
    return tokens, nn.functional.normalize(state["sentence_embedding"].float(), dim=1)


def _batches(
    tokenizer: Tokenizer, texts: Iterator[list[str]]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    for drawn in texts:
        ordered = sorted(drawn, key=len)
        for start in range(0, len(ordered), _BATCH):
            yield token_batch(tokenizer, ordered[start : start + _BATCH])
