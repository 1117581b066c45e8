"""An encoder that can be served as it is: what is taken, and what is refused before it is used."""

import logging
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

from pintower.artifacts import read_json
from pintower.errors import StudentError
from pintower.models.pretrained import load_pretrained

__all__ = ["adopt_encoder"]

logger = logging.getLogger(__name__)

_MODULES = ("Transformer", "Pooling", "Dense", "LayerNorm", "Dropout", "Normalize")
_SUPPORTED = (
    "Supported are text encoders of one transformer: Hugging Face folders, and "
    f"sentence-transformers folders of {', '.join(_MODULES)}, with a fast tokenizer "
    "(tokenizer.json)."
)


def adopt_encoder(folder: Path, pooling: str | None) -> SentenceTransformer:
    """Return the encoder of a folder, complete and as token ids and mask alone can drive it.

    Where its modules do not end with a normalization, one is added, so that a product of two
    embeddings is their cosine; but an encoder whose files name ``dot`` as its similarity is left
    as it is. Prompts are left out: the student's text rendering puts them before the texts.

    Args:
        folder: of a Hugging Face or sentence-transformers encoder.
        pooling: as for :func:`pintower.models.pretrained.load_pretrained`.

    Raises:
        StudentError: if it cannot be loaded, or is of a kind that cannot be served.
    """
    if (folder / "modules.json").is_file():
        _require_known_modules(folder)
    else:
        _require_bi_encoder(folder)
    encoder = load_pretrained(folder, pooling)
    _require_text_alone(encoder, folder)
    modules = list(encoder)
    similarity = encoder.similarity_fn_name
    if similarity not in ("cosine", "dot"):
        logger.warning(
            "%s compares embeddings by %s; they are compared by cosine here", folder, similarity
        )
        similarity = "cosine"
    if similarity == "cosine" and not isinstance(modules[-1], Normalize):
        modules.append(Normalize())
    return SentenceTransformer(modules=modules, device="cpu", similarity_fn_name=similarity).eval()


def _require_known_modules(folder: Path) -> None:
    """Refuse by the folder's own list, so that no module of a foreign kind is ever loaded."""
    types = [str(module["type"]) for module in _described(folder / "modules.json")]
    for name in types:
        kind = name.rpartition(".")[2]
        if not name.startswith("sentence_transformers.") or kind not in _MODULES:
            raise StudentError(
                f"{folder} has a module {name}, which cannot be served. {_SUPPORTED}"
            )
    kinds = [name.rpartition(".")[2] for name in types]
    if kinds[:1] != ["Transformer"] or kinds.count("Pooling") != 1:
        raise StudentError(
            f"{folder} has the modules {', '.join(kinds)}; wanted are one Transformer first and "
            f"one Pooling. {_SUPPORTED}"
        )
    path = folder / "config_sentence_transformers.json"
    settings = read_json(path) if path.is_file() else {}
    kind = settings.get("model_type", "SentenceTransformer")
    if kind != "SentenceTransformer":
        raise StudentError(f"{folder} is a {kind}, no bi-encoder. {_SUPPORTED}")
    if width := settings.get("truncate_dim"):
        raise StudentError(
            f"{folder} says that its embeddings are cut to their first {width} elements "
            "(truncate_dim), which no graph does. Take that line out of "
            f"{path.name} to serve the whole embeddings."
        )


def _described(path: Path) -> list[dict[str, Any]]:
    modules = read_json(path)
    if not isinstance(modules, list) or not all("type" in module for module in modules):
        raise StudentError(f"{path} does not list modules as sentence-transformers writes them.")
    return modules


def _require_bi_encoder(folder: Path) -> None:
    config = read_json(folder / "config.json")
    for architecture in config.get("architectures") or []:
        if architecture.endswith("ForSequenceClassification"):
            raise StudentError(
                f"{folder} is a {architecture}: it scores query and pin together (a cross-encoder) "
                "and has no embeddings. As a teacher it can be named in teacher.encoder."
            )


def _require_text_alone(encoder: SentenceTransformer, folder: Path) -> None:
    transformer = encoder[0]
    if transformer.modalities != ["text"] or transformer.tokenizer is None:
        kinds = ", ".join(str(kind) for kind in transformer.modalities)
        raise StudentError(f"{folder} takes {kinds}, not text alone. {_SUPPORTED}")
    if not transformer.tokenizer.is_fast:
        raise StudentError(
            f"{folder} has a slow tokenizer ({type(transformer.tokenizer).__name__}) and no "
            f"tokenizer.json, so its tokens cannot be made while serving. {_SUPPORTED}"
        )
    config = transformer.config
    if getattr(config, "is_encoder_decoder", False) and hasattr(transformer.auto_model, "decoder"):
        raise StudentError(f"{folder} is an encoder with a decoder. {_SUPPORTED}")
    for module in encoder:
        if isinstance(module, Pooling) and not module.include_prompt:
            raise StudentError(
                f"{folder} leaves the prompt out of the pooling (include_prompt is false), which "
                f"no graph that takes token ids and mask can do. {_SUPPORTED}"
            )
