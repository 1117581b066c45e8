"""What every training loop here shares: device, precision, batches, optimizer and schedule."""

import functools
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel

__all__ = [
    "CLIP",
    "WEIGHT_DECAY",
    "Stepper",
    "autocast",
    "multiplies_bf16",
    "quick_gradients",
    "training_device",
    "warm_up_and_decay",
]

logger = logging.getLogger(__name__)

CLIP = 1.0
"""Longest gradient."""
WEIGHT_DECAY = 0.01


def training_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(device: torch.device, bf16: bool) -> torch.autocast:
    """Return a context in which matrix products run in bfloat16, if asked.

    Where the device would only imitate it, twenty times slower than fp32 on a CPU, they run in
    fp32.
    """
    enabled = bf16 and multiplies_bf16(device.type)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


@functools.cache
def multiplies_bf16(device: str) -> bool:
    """Return whether a kind of device, ``cpu`` or ``cuda``, has products in bfloat16."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return True
    logger.info("This CPU has no bfloat16 arithmetic; models are trained and scored in fp32.")
    return False


@contextmanager
def quick_gradients(*modules: nn.Module) -> Iterator[None]:
    """Compute attention inside the block by single products where modules are trained on a CPU.

    In one fused call its gradients take a quarter to a third of a training step there.
    """
    changed: list[tuple[PreTrainedModel, str]] = []
    if training_device().type == "cpu":
        models = [part for module in modules for part in module.modules()]
        found = {id(part): part for part in models if isinstance(part, PreTrainedModel)}
        changed = [(part, part.config._attn_implementation) for part in found.values()]
    for model, _ in changed:
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        for model, before in changed:
            model.set_attn_implementation(before)


def warm_up_and_decay(steps: int, warmup_share: float) -> Callable[[int], float]:
    """Return the share of the peak learning rate at each step: up to 1, then linearly to 0.

    Args:
        steps: in all.
        warmup_share: share of the steps spent warming up.
    """
    warmup = max(1, round(steps * warmup_share))

    def factor(step: int) -> float:
        decay = (steps - step) / max(1, steps - warmup)
        return min((step + 1) / warmup, max(0.0, decay))

    return factor


class Stepper:
    """AdamW with warm-up, then linear decay to zero, and clipped gradients.

    Args:
        groups: parameters with their peak learning rate; frozen ones are left out.
        steps: in all.
        warmup_share: share of the steps spent warming up.
    """

    def __init__(
        self,
        groups: Iterable[tuple[Iterable[nn.Parameter], float]],
        steps: int,
        warmup_share: float,
    ) -> None:
        trained = [
            ([weight for weight in weights if weight.requires_grad], rate)
            for weights, rate in groups
        ]
        self.weights = [weight for weights, _ in trained for weight in weights]
        self.optimizer = AdamW(
            [{"params": weights, "lr": rate} for weights, rate in trained],
            weight_decay=WEIGHT_DECAY,
        )
        self.schedule = LambdaLR(self.optimizer, warm_up_and_decay(steps, warmup_share))

    def step(self, loss: torch.Tensor) -> float:
        """Take one step down the loss; return the loss."""
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.weights, CLIP)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())
