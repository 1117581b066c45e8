"""An encoder's last elements left out: ``truncate_dim`` of sentence-transformers as a module."""

import json
from pathlib import Path
from typing import Any, Self

from sentence_transformers.base.modules import Module

__all__ = ["Truncation"]


class Truncation(Module):  # type: ignore[misc]
    """Keeps the first elements of ``sentence_embedding`` FP32 [B, D].

    sentence-transformers cuts inside ``encode``, behind every module, and normalizes after it where
    asked to. As a module the cut lies in the graph, and a normalization can follow it.

    Args:
        width: elements that are kept.
    """

    config_keys = ["width"]

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, features: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Replace ``sentence_embedding`` by its first elements."""
        features["sentence_embedding"] = features["sentence_embedding"][:, : self.width]
        return features

    def get_embedding_dimension(self) -> int:
        """Return the width that is kept."""
        return self.width

    def save(self, output_path: str, *_: Any, **__: Any) -> None:
        """Write the config into a folder."""
        self.save_config(output_path)

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **_: Any) -> Self:
        """Read what :meth:`save` wrote."""
        path = Path(model_name_or_path) / subfolder / "config.json"
        return cls(**json.loads(path.read_text("utf-8")))
