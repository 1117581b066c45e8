"""Scoring heads of rising capacity, fitted to levels on a frozen encoder's embeddings."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from pintower.models.adoption.evidence import Evidence
from pintower.models.adoption.signals import Signals, varying
from pintower.models.optimization import Stepper
from pintower.models.scoring_head import LEVELS, ScoringHead
from pintower.models.towers import balanced_inputs, input_scales
from pintower.text.match_features import FEATURES

__all__ = [
    "DOUBT",
    "fit_cosine",
    "fit_full",
    "fit_linear",
    "fit_mlp",
    "fit_ordinal",
    "minimize",
    "soft_targets",
]

DOUBT = 0.02
"""Share of each level's one that is spread over all five, where a head is fitted to judgments."""

_STEPS = 100
_LEAST_SLOPE = 0.01
"""Of a standardized similarity. Above zero, so that a higher similarity never scores lower."""

_HIDDEN = 8
_DECAY = {"linear": 1e-3, "mlp": 3e-3}
_EPOCHS = 3
_BATCH = 256
_RATE = 1e-3
_WARMUP = 0.05


def soft_targets(levels: NDArray[np.int64], doubt: float) -> Tensor:
    """Return targets FP64 [N, 5]: each level's one, ``doubt`` of it spread over all five.

    Without doubt, levels that the similarity separates would drive its weight to infinity; so would
    levels that nobody gave (judges who said yes or no).
    """
    hard = one_hot(torch.from_numpy(levels) - 1, LEVELS).double()
    return (1 - doubt) * hard + doubt / LEVELS


def fit_cosine(similarity: NDArray[np.float64], targets: Tensor, width: int) -> ScoringHead:
    """Return the calibrated cosine: ``logit_k = k a s + b_k`` with one slope ``a`` above zero.

    The expected level then rises with the similarity s everywhere (its derivative is a times the
    variance of the level), so that pins are ranked exactly as by the similarity. It is the
    stereotype model of Anderson (1984), "Regression and Ordered Categorical Variables", with evenly
    spaced scores.

    Args:
        similarity: FP64 [N].
        targets: FP64 [N, 5].
        width: D of the embeddings.
    """
    signals = Signals(similarity[:, None])
    slope = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    offsets = torch.zeros(LEVELS, dtype=torch.float64, requires_grad=True)

    def layer() -> tuple[Tensor, Tensor]:
        return _ranks()[:, None] * (_LEAST_SLOPE + slope.exp()), offsets

    minimize([slope, offsets], lambda: cross_entropy(_linear(signals.standard, layer()), targets))
    return signals.fold([layer()], width)


def fit_linear(evidence: Evidence, targets: Tensor) -> ScoringHead:
    """Return :func:`fit_ordinal` over similarity and match features."""
    signals = Signals.of(evidence)
    return signals.fold([fit_ordinal(signals, targets)], evidence.width)


def fit_ordinal(signals: Signals, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight FP64 [5, C] and bias FP64 [5] of ``logit_k = k w x + b_k``.

    Anderson's stereotype model, as in :func:`fit_cosine`, over any numbers: one weight each.

    Args:
        signals: x, N pairs as C standardized numbers.
        targets: FP64 [N, 5].
    """
    weights = torch.zeros(signals.count, dtype=torch.float64, requires_grad=True)
    offsets = torch.zeros(LEVELS, dtype=torch.float64, requires_grad=True)

    def layer() -> tuple[Tensor, Tensor]:
        return _ranks()[:, None] * weights, offsets

    def loss() -> Tensor:
        penalty = _DECAY["linear"] * weights.square().sum()
        return cross_entropy(_linear(signals.standard, layer()), targets) + penalty

    minimize([weights, offsets], loss)
    weight, bias = layer()
    return weight.detach(), bias.detach()


def fit_mlp(evidence: Evidence, targets: Tensor, seed: int) -> ScoringHead:
    """Return a network with one small hidden layer over similarity and match features."""
    signals = Signals.of(evidence)
    random = torch.Generator().manual_seed(seed)
    first, last = _start(_HIDDEN, signals.count, random), _start(LEVELS, _HIDDEN, random)

    def loss() -> Tensor:
        hidden = nn.functional.gelu(_linear(signals.standard, first))
        penalty = _DECAY["mlp"] * (first[0].square().sum() + last[0].square().sum())
        return cross_entropy(_linear(hidden, last), targets) + penalty

    minimize([*first, *last], loss)
    return signals.fold([first, last], evidence.width)


def fit_full(evidence: Evidence, targets: Tensor, seed: int, hidden: Sequence[int]) -> ScoringHead:
    """Return a head over everything: both embeddings, their product and the match features."""
    matches = torch.from_numpy(evidence.matches)
    torch.manual_seed(seed)
    head = ScoringHead(evidence.width, FEATURES, hidden)
    head.standardize(matches)
    first = next(module for module in head.layers if isinstance(module, nn.Linear))
    with torch.no_grad():
        first.weight.mul_(input_scales(head))
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(evidence)) for _ in range(_EPOCHS)]
    starts = range(0, len(evidence), _BATCH)
    batches = [order[start : start + _BATCH] for order in orders for start in starts]
    with balanced_inputs(head):
        stepper = Stepper([(head.parameters(), _RATE)], len(batches), _WARMUP)
        for rows in batches:
            logits = head(*evidence.inputs(rows))
            stepper.step(cross_entropy(logits, targets[torch.from_numpy(rows)].float()))
    with torch.no_grad():
        first.weight[:, 3 * evidence.width :] *= varying(matches)
    return head.eval()


def _ranks() -> Tensor:
    """Return the levels, centred: a number common to all logits changes no probability."""
    return torch.arange(LEVELS, dtype=torch.float64) - (LEVELS - 1) / 2


def _start(outputs: int, inputs: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a layer to begin from: weight [outputs, inputs] and bias."""
    weight = torch.randn(outputs, inputs, generator=random, dtype=torch.float64) / inputs**0.5
    bias = torch.zeros(outputs, dtype=torch.float64)
    return weight.requires_grad_(), bias.requires_grad_()


def _linear(values: Tensor, layer: tuple[Tensor, Tensor]) -> Tensor:
    weight, bias = layer
    return values @ weight.T + bias


def minimize(parameters: list[Tensor], loss: Callable[[], Tensor]) -> None:
    """Change a few parameters, in place, to where a smooth loss is least."""
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=_STEPS, tolerance_grad=1e-7, line_search_fn="strong_wolfe"
    )

    def step() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        torch.autograd.backward(value)
        return value

    # Products this small take longer to be shared among threads than to be computed.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        optimizer.step(step)  # type: ignore[no-untyped-call]
    finally:
        torch.set_num_threads(threads)
