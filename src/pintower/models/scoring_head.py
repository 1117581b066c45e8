"""The scoring head: query embedding, pin embedding and match features to five level logits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pintower.artifacts import read_json, write_json
from pintower.errors import StudentError
from pintower.versions import newer_file

__all__ = ["LEVELS", "ScoringHead", "expected_level"]

LEVELS = 5
"""Levels 1 to 5, 5 the most relevant."""


class ScoringHead(nn.Module):
    """An MLP over [query, pin, their product, match features].

    Args:
        width: D of the embeddings.
        match_features: names of the F match features.
        hidden: widths of the hidden layers.
    """

    match_mean: Tensor
    match_scale: Tensor

    def __init__(self, width: int, match_features: Sequence[str], hidden: Sequence[int]) -> None:
        super().__init__()
        self.width = width
        self.match_features = tuple(match_features)
        self.hidden = tuple(hidden)
        self.register_buffer("match_mean", torch.zeros(len(self.match_features)))
        self.register_buffer("match_scale", torch.ones(len(self.match_features)))
        widths = [3 * width + len(self.match_features), *self.hidden]
        layers: list[nn.Module] = []
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [nn.Linear(before, after), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], LEVELS))

    def standardize(self, match_features: Tensor) -> None:
        """Freeze the mean and the scale of the training pairs' match features FP32 [N, F]."""
        self.match_mean.copy_(match_features.mean(dim=0))
        self.match_scale.copy_(1 / match_features.std(dim=0).clamp_min(1e-3))

    @torch.no_grad()
    def restandardize(self, match_features: Tensor) -> None:
        """Standardize by other pairs' match features FP32 [N, F]; the head's function stays."""
        first = next(module for module in self.layers if isinstance(module, nn.Linear))
        plain = first.weight[:, 3 * self.width :] * self.match_scale
        first.bias.sub_(plain @ self.match_mean)
        self.standardize(match_features)
        first.bias.add_(plain @ self.match_mean)
        first.weight[:, 3 * self.width :] = plain / self.match_scale

    def forward(self, query: Tensor, pins: Tensor, match_features: Tensor) -> Tensor:
        """Return logits FP32 [N, 5].

        Args:
            query: query embeddings FP32 [N, D].
            pins: pin embeddings FP32 [N, D].
            match_features: FP32 [N, F], as computed, not standardized.
        """
        matches = (match_features - self.match_mean) * self.match_scale
        logits: Tensor = self.layers(torch.cat([query, pins, query * pins, matches], dim=1))
        return logits

    def save(self, folder: Path) -> None:
        """Write ``config.json`` and ``model.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {"width": self.width, "match_features": self.match_features, "hidden": self.hidden}
        write_json(folder / "config.json", {**config, "levels": LEVELS})
        save_file(self.state_dict(), folder / "model.safetensors")

    @classmethod
    def load(cls, folder: Path) -> "ScoringHead":
        """Read what :meth:`save` wrote, in evaluation mode.

        Raises:
            StudentError: if the folder is incomplete or its parts disagree.
        """
        config: dict[str, Any] = read_json(folder / "config.json")
        if unknown := config.keys() - {"width", "match_features", "hidden", "levels"}:
            raise StudentError(newer_file(folder, "a scoring head", sorted(unknown)))
        if config.get("levels") != LEVELS:
            raise StudentError(f"{folder}: levels {config.get('levels')!r}, allowed: {LEVELS}.")
        try:
            head = cls(config["width"], config["match_features"], config["hidden"])
            head.load_state_dict(load_file(folder / "model.safetensors"))
        except (KeyError, TypeError, RuntimeError, OSError, SafetensorError) as error:
            raise StudentError(f"{folder} is not a scoring head: {error}") from error
        return head.eval()


def expected_level(probabilities: Tensor) -> Tensor:
    """Return the relevance score FP32 [N]: the expected level of probabilities FP32 [N, 5]."""
    levels = torch.arange(1, LEVELS + 1, dtype=probabilities.dtype, device=probabilities.device)
    return probabilities @ levels
