"""An encoder's first module, which reads token ids: a transformer or a table of embeddings."""

from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import PretrainedConfig

from pintower.errors import StudentError

__all__ = [
    "backbone_config",
    "limit_tokens",
    "longest_input",
    "mean_of_rows",
    "own_tokenizer",
    "transformer_of",
]

_NO_LIMIT = 1 << 24
"""What transformers writes for a tokenizer without a limit is larger by far."""


def transformer_of(encoder: SentenceTransformer) -> nn.Module:
    """Return an encoder's transformer.

    Raises:
        StudentError: if it has none, but a table of token embeddings.
    """
    if isinstance(encoder[0], StaticEmbedding):
        raise StudentError(
            "The encoder is a table of token embeddings (StaticEmbedding): it has no layers that "
            "could be cut, trained or frozen."
        )
    transformer: nn.Module = encoder[0].auto_model
    return transformer


def backbone_config(encoder: SentenceTransformer) -> PretrainedConfig:
    """Return the transformer's configuration, or an empty one where there is none."""
    static = isinstance(encoder[0], StaticEmbedding)
    return PretrainedConfig() if static else encoder[0].auto_model.config


def own_tokenizer(encoder: SentenceTransformer) -> Tokenizer:
    """Return a copy of the tokenizer that neither pads nor cuts, and reads no special token.

    A table of embeddings has no rows for special tokens around a text: none are added.
    """
    static = isinstance(encoder[0], StaticEmbedding)
    given = encoder[0].tokenizer if static else encoder[0].tokenizer.backend_tokenizer
    tokenizer = Tokenizer.from_str(given.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    if static:
        tokenizer.post_processor = None
    return tokenizer


def longest_input(encoder: SentenceTransformer, side: str = "") -> int | None:
    """Return the tokens that an encoder takes at most; None where its files state no limit.

    The least of what its settings say and of the rows of its table of positions; RoBERTa's kind
    counts them from behind the padding token's.

    Args:
        encoder: as loaded.
        side: ``query`` or ``pin``, of which an encoder may take fewer (``query_length``,
            ``document_length``).
    """
    own = {"query": "query_length", "pin": "document_length"}.get(side, "max_seq_length")
    limits = [encoder.max_seq_length, getattr(encoder[0], own, None), *_positions(encoder)]
    return min((int(limit) for limit in limits if limit and limit < _NO_LIMIT), default=None)


def _positions(encoder: SentenceTransformer) -> list[int]:
    if isinstance(encoder[0], StaticEmbedding):
        return []
    tables = [
        module
        for name, module in encoder[0].auto_model.named_modules()
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding)
    ]
    return [
        table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
        for table in tables
    ]


def limit_tokens(encoder: SentenceTransformer, tokens: int) -> None:
    """Let sentence-transformers cut texts at a number of tokens."""
    if isinstance(encoder[0], StaticEmbedding):
        encoder[0].tokenizer.enable_truncation(tokens)
    else:
        encoder.max_seq_length = tokens


def mean_of_rows(table: StaticEmbedding, features: dict[str, Any]) -> Tensor:
    """Return the mean FP32 [B, H] of a table's rows for token ids and mask, INT64 [B, L] each.

    What the module itself computes of texts laid end to end. A text without a token has zeros.
    """
    mask = features["attention_mask"].to(table.embedding.weight.dtype)
    rows = nn.functional.embedding(features["input_ids"], table.embedding.weight)
    total = (mask[:, None, :] @ rows)[:, 0]
    mean: Tensor = total / mask.sum(dim=1, keepdim=True).clamp(min=1)
    return mean
