"""Encoders: sentence-transformers folders whose last layers project to the shared width."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, StaticEmbedding
from torch import Tensor, nn

from pintower.artifacts import read_json
from pintower.errors import StudentError
from pintower.models.backbones import find_backbone
from pintower.models.feature_projection import FeatureProjection
from pintower.models.first_module import mean_of_rows, transformer_of
from pintower.models.loading import loading, no_bars
from pintower.models.missing_weights import require_weights
from pintower.models.truncation import Truncation
from pintower.models.vocabulary import require_rows

__all__ = [
    "build_encoder",
    "embed_tokens",
    "feature_columns",
    "layer_stack",
    "load_encoder",
    "save_encoder",
    "train_last_layers",
]


_OWN: dict[str, type[FeatureProjection] | type[Truncation]] = {
    f"{kind.__module__}.{kind.__name__}": kind for kind in (FeatureProjection, Truncation)
}
"""Our own kinds of modules, as a folder's ``modules.json`` names them."""


def build_encoder(
    backbone: str,
    *,
    width: int | None,
    layers: int | None,
    columns: Sequence[dict[str, Any]] = (),
    pooling: str | None = None,
) -> SentenceTransformer:
    """Return a new encoder: backbone, pooling, its own later layers, projection, normalization.

    The projection begins as the first D of its inputs, so that at the encoder's own width the new
    encoder embeds as the encoder does.

    Args:
        backbone: name or folder.
        width: D of the embeddings; None takes the encoder's own.
        layers: keep only the first layers; None keeps all.
        columns: ``{"name", "width"}`` of each column of feature vectors.
        pooling: of the tokens; None takes over the backbone's own where it states one, else the
            mean.

    Raises:
        StudentError: if the backbone cannot be found, has fewer layers, or its tokenizer is not one
            for its embedding table.
    """
    folder = find_backbone(backbone)
    later: list[nn.Module] = []
    if (folder / "modules.json").is_file():
        own = load_encoder(folder)
        pooling = pooling or _pooling(own).pooling_mode
        later = [module for module in list(own)[2:] if not isinstance(module, Normalize)]
    trust = {"trust_remote_code": False}
    with loading(folder) as loaded:
        transformer = Transformer(
            str(folder), model_kwargs=dict(trust), processor_kwargs=dict(trust),
            config_kwargs={**trust, **({} if layers is None else {"num_hidden_layers": layers})},
        )  # fmt: skip
    require_weights(loaded, folder)
    config = transformer.auto_model.config
    if layers is not None and len(layer_stack(transformer.auto_model)) != layers:
        raise StudentError(f"The encoder {backbone!r} has fewer than {layers} layers.")
    if not (hidden := getattr(config, "hidden_size", None)):
        raise StudentError(f"The encoder {backbone!r} is no text encoder: it has no hidden_size.")
    text = [transformer, Pooling(hidden, pooling_mode=pooling or "mean"), *later]
    given = SentenceTransformer(modules=text, device="cpu").get_embedding_dimension()
    width = width or given
    if width > given:
        raise StudentError(
            f"The encoder {backbone!r} gives embeddings of width {given}, student.width is "
            f"{width}; allowed are 1 to {given}."
        )
    projection: Any
    if columns:
        projection = FeatureProjection(given, list(columns), width)
        projection.zero_start()
    else:
        projection = Dense(given, width, activation_function=nn.Identity())
    layer = projection.text if columns else projection.linear
    with torch.no_grad():
        layer.weight.copy_(torch.eye(width, given))
        layer.bias.zero_()
    if transformer.tokenizer.is_fast:
        require_rows(
            transformer.tokenizer.backend_tokenizer,
            transformer.auto_model.get_input_embeddings().num_embeddings,
            f"The encoder {backbone!r}",
        )
    return SentenceTransformer(modules=[*text, projection, Normalize()], device="cpu").float()


def load_encoder(folder: Path) -> SentenceTransformer:
    """Read a sentence-transformers folder onto the CPU, in fp32 and evaluation mode.

    Where its settings cut embeddings (``truncate_dim``), the cut is its last module.

    Raises:
        StudentError: if the folder is absent or is not one.
    """
    if not (folder / "modules.json").is_file():
        raise StudentError(
            f"{folder} is not a sentence-transformers folder: it has no modules.json. "
            "Save the encoder with SentenceTransformer.save()."
        )
    with loading(folder) as loaded:
        entries = read_json(folder / "modules.json")
        path = folder / "config_sentence_transformers.json"
        settings = read_json(path) if path.is_file() else {}
        # The library runs into an error where the settings state no prompts by null.
        null = settings.get("prompts", {}) is None
        if null or any(entry["type"] in _OWN for entry in entries):
            modules = [_load_module(folder, entry) for entry in entries]
            encoder = SentenceTransformer(
                modules=modules,
                device="cpu",
                similarity_fn_name=settings.get("similarity_fn_name"),
                truncate_dim=settings.get("truncate_dim"),
            )
        else:
            encoder = SentenceTransformer(str(folder), device="cpu")
    encoder = encoder.float().eval()
    require_weights(loaded, folder)
    return encoder if encoder.truncate_dim is None else _truncated(encoder, folder)


def _truncated(encoder: SentenceTransformer, folder: Path) -> SentenceTransformer:
    """Return an encoder whose last module does what ``truncate_dim`` says."""
    width, encoder.truncate_dim = encoder.truncate_dim, None
    whole = encoder.get_embedding_dimension()
    if type(width) is not int or width < 1:
        raise StudentError(
            f"{folder} says truncate_dim {width!r}; allowed are 1 to {whole}, the width now."
        )
    if width < whole:
        encoder.append(Truncation(width))
    return encoder


def _load_module(folder: Path, entry: Mapping[str, str]) -> nn.Module:
    """Load one module of a folder that holds a module of ours.

    sentence-transformers takes a module from outside itself for foreign code, and would trust all
    code that a folder brings for the sake of it.
    """
    name, _, kind = entry["type"].rpartition(".")
    if entry["type"] not in _OWN and not name.startswith("sentence_transformers."):
        raise ValueError(f"{entry['type']} is a module of foreign code")
    loader = _OWN.get(entry["type"]) or getattr(import_module(name), kind)
    module: nn.Module = loader.load(str(folder), subfolder=entry["path"])
    return module


def save_encoder(encoder: SentenceTransformer, folder: Path) -> None:
    """Write an encoder as a sentence-transformers folder."""
    with no_bars():
        encoder.save(str(folder), create_model_card=False)


def embed_tokens(
    encoder: SentenceTransformer, ids: Tensor, mask: Tensor, vectors: Tensor | None = None
) -> Tensor:
    """Return the embeddings FP32 [B, D] of token ids and mask, INT64 [B, L] each.

    Args:
        encoder: the encoder.
        ids: token ids.
        mask: 1 for a token, 0 for padding.
        vectors: feature vectors FP32 [B, V], for an encoder that takes them.
    """
    features: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
    if vectors is not None:
        features["feature_vectors"] = vectors
    for module in encoder:
        if isinstance(module, StaticEmbedding):
            features["sentence_embedding"] = mean_of_rows(module, features)
        else:
            features = module(features)
    embeddings: Tensor = features["sentence_embedding"]
    return embeddings


def feature_columns(encoder: SentenceTransformer) -> list[dict[str, Any]]:
    """Return name and width of the feature vectors an encoder takes; none for a text encoder."""
    for module in encoder:
        if isinstance(module, FeatureProjection):
            return module.columns
    return []


def train_last_layers(encoder: SentenceTransformer, layers: int | None) -> None:
    """Freeze the backbone but for its last layers; None trains all of it."""
    if layers is None:
        return
    backbone = transformer_of(encoder)
    backbone.requires_grad_(False)
    if layers:
        layer_stack(backbone)[-layers:].requires_grad_(True)


def layer_stack(backbone: nn.Module) -> nn.ModuleList:
    """Return a transformer's stack of layers: its longest module list.

    Raises:
        StudentError: if it has none.
    """
    stacks = [module for module in backbone.modules() if isinstance(module, nn.ModuleList)]
    if not stacks:
        raise StudentError(f"{type(backbone).__name__} has no stack of layers to cut or freeze.")
    return max(stacks, key=len)


def _pooling(encoder: SentenceTransformer) -> Pooling:
    for module in encoder:
        if isinstance(module, Pooling):
            return module
    raise StudentError("the encoder's sentence-transformers folder has no pooling module.")
