"""An encoder that can be served as it is: what is taken, and what is refused before it is used."""

import inspect
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Normalize,
    Pooling,
    StaticEmbedding,
)
from torch import nn

from pintower.artifacts import read_json
from pintower.errors import StudentError
from pintower.models.adoption.kinds import SUPPORTED, require_known_kinds
from pintower.models.adoption.routes import routed
from pintower.models.pretrained import load_pretrained

__all__ = ["Adopted", "adopt_encoder", "embedding_text"]

logger = logging.getLogger(__name__)

_SHOWN = 200


@dataclass(frozen=True)
class Adopted:
    """An encoder as both sides use it.

    Attributes:
        query: what embeds queries.
        pin: what embeds pins: the same, but for a folder that routes queries and documents apart.
    """

    query: SentenceTransformer
    pin: SentenceTransformer


def adopt_encoder(folder: Path, pooling: str | None) -> Adopted:
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
        require_known_kinds(folder)
    else:
        _require_bi_encoder(folder)
    encoder = load_pretrained(folder, pooling)
    similarity = encoder.similarity_fn_name
    if similarity not in ("cosine", "dot"):
        logger.warning(
            "%s compares embeddings by %s; they are compared by cosine here", folder, similarity
        )
        similarity = "cosine"
    sides = [routed(encoder, side, folder) for side in ("query", "document")]
    for modules in sides:
        _require_servable(modules, folder)
        if not isinstance(modules[0], StaticEmbedding):
            _mend_tokenizer(modules[0])
    query, pin = (_complete(modules, similarity) for modules in sides)
    for encoder in (query, pin):
        with embedding_text():
            encoder.encode(["a"], prompt="", show_progress_bar=False)
    widths = query.get_embedding_dimension(), pin.get_embedding_dimension()
    if widths[0] != widths[1]:
        raise StudentError(
            f"{folder} gives queries embeddings of width {widths[0]} and documents of width "
            f"{widths[1]}: they cannot be compared. Give both routes layers that end in one width."
        )
    return Adopted(query, query if sides[0] == sides[1] else pin)


@contextmanager
def embedding_text() -> Iterator[None]:
    """Say in one line that an encoder does not embed text, whatever its code ends in.

    Raises:
        StudentError: if the block fails.
    """
    try:
        yield
    except Exception as error:  # code of any family of models
        raise StudentError(
            "The encoder cannot be served: it does not embed text from token ids and mask alone "
            f"({type(error).__name__}: {' '.join(str(error).split())[:_SHOWN]}). Not supported."
        ) from error


def _mend_tokenizer(transformer: Any) -> None:
    """Let sentence-transformers itself embed with tokenizers that it stumbles over.

    Llama's and its relatives' have no token to pad with; which one it is does not matter behind a
    mask. Some give token types to a model that takes none.
    """
    tokenizer = transformer.tokenizer
    if tokenizer.pad_token is None:
        first = tokenizer.convert_ids_to_tokens(0)
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token or first
    taken = inspect.signature(transformer.auto_model.forward).parameters
    names = tokenizer.model_input_names
    tokenizer.model_input_names = [
        name for name in names if name != "token_type_ids" or name in taken
    ]


def _complete(modules: Sequence[nn.Module], similarity: str) -> SentenceTransformer:
    normalized = similarity == "dot" or isinstance(modules[-1], Normalize)
    modules = [*modules, *([] if normalized else [Normalize()])]
    encoder = SentenceTransformer(modules=modules, device="cpu", similarity_fn_name=similarity)
    return encoder.eval()


def _require_bi_encoder(folder: Path) -> None:
    config = read_json(folder / "config.json")
    for architecture in config.get("architectures") or []:
        if architecture.endswith("ForSequenceClassification"):
            raise StudentError(
                f"{folder} is a {architecture}: it scores query and pin together (a cross-encoder) "
                "and has no embeddings. As a teacher it can be named in teacher.encoder."
            )


def _require_servable(modules: Sequence[nn.Module], folder: Path) -> None:
    if isinstance(modules[0], StaticEmbedding):
        return
    transformer: Any = modules[0]
    if transformer.modalities != ["text"] or transformer.tokenizer is None:
        kinds = ", ".join(str(kind) for kind in transformer.modalities)
        raise StudentError(f"{folder} takes {kinds}, not text alone. {SUPPORTED}")
    if not transformer.tokenizer.is_fast:
        raise StudentError(
            f"{folder} has a slow tokenizer ({type(transformer.tokenizer).__name__}) and no "
            f"tokenizer.json, so its tokens cannot be made while serving. {SUPPORTED}"
        )
    config = transformer.config
    if getattr(config, "is_encoder_decoder", False) and hasattr(transformer.auto_model, "decoder"):
        raise StudentError(f"{folder} is an encoder with a decoder. {SUPPORTED}")
    for module in modules:
        if isinstance(module, Pooling) and not module.include_prompt:
            raise StudentError(
                f"{folder} leaves the prompt out of the pooling (include_prompt is false), which "
                f"no graph that takes token ids and mask can do. {SUPPORTED}"
            )
