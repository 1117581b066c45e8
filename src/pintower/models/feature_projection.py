"""An encoder's last layer where pins or queries have feature vectors besides their text."""

import json
from pathlib import Path
from typing import Any, Self

import torch
from sentence_transformers.base.modules import Module
from torch import nn

__all__ = ["FeatureProjection"]


class FeatureProjection(Module):  # type: ignore[misc]
    """Projects a pooled text and its feature vectors to the shared width.

    A sentence-transformers module, so that an encoder is one of its folders. It reads
    ``sentence_embedding`` FP32 [B, H] and ``feature_vectors`` FP32 [B, V] and replaces the former.

    Args:
        text_width: H, of the pooled text.
        columns: name and width of each column of feature vectors; V is the sum of the widths.
        width: D, of the embeddings both towers share.
    """

    config_keys = ["text_width", "columns", "width"]

    def __init__(self, text_width: int, columns: list[dict[str, Any]], width: int) -> None:
        super().__init__()
        self.text_width = text_width
        self.columns = columns
        self.width = width
        self.norm = nn.LayerNorm(sum(column["width"] for column in columns))
        self.text = nn.Linear(text_width, width)
        self.features = nn.Linear(self.norm.normalized_shape[0], width, bias=False)

    def forward(self, features: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Replace ``sentence_embedding`` by the projection of text and feature vectors."""
        text = self.text(features["sentence_embedding"])
        extra = self.features(self.norm(features["feature_vectors"]))
        features["sentence_embedding"] = text + extra
        return features

    def get_embedding_dimension(self) -> int:
        """Return D."""
        return self.width

    def save(self, output_path: str, *_: Any, safe_serialization: bool = True, **__: Any) -> None:
        """Write config and weights into a folder."""
        self.save_config(output_path)
        self.save_torch_weights(output_path, safe_serialization=safe_serialization)

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any) -> Self:
        """Read what :meth:`save` wrote."""
        folder = Path(model_name_or_path) / subfolder
        model = cls(**json.loads((folder / "config.json").read_text("utf-8")))
        cls.load_torch_weights(str(model_name_or_path), subfolder=subfolder, model=model)
        return model

    def zero_start(self) -> None:
        """Let the feature vectors add nothing until training says otherwise."""
        torch.nn.init.zeros_(self.features.weight)
