"""How texts are rendered for an encoder that is taken as it is: prefixes, lengths, case."""

from itertools import chain, islice

from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from pintower.config import StudentConfig
from pintower.text.rendering import Rendering

__all__ = ["folds_case", "own_tokenizer", "rendering_for"]

_WRITTEN = ("Red Shoes", "IPHONE 15 Pro", "Émile ZOLA Été", "Красные ТУФЛИ", "ΜΠΛΕ Τσάντα")
_LOOKED_AT = 1_000
"""Capitalized tokens of a vocabulary that are tried."""


def rendering_for(
    encoder: SentenceTransformer, config: StudentConfig, prefixes: tuple[str, str]
) -> Rendering:
    """Return the rendering under which the served embedding is the encoder's own.

    A length is the config's, for what the user's text may take, and the prefix's tokens on top, so
    that a long instruction leaves room for the query; never more than the encoder takes.

    Args:
        encoder: with its tokenizer and its longest input.
        config: lengths and text sources.
        prefixes: before a query and before a pin text.
    """
    tokenizer = own_tokenizer(encoder)
    longest = encoder.max_seq_length

    def limit(tokens: int, prefix: str) -> int:
        wanted = tokens + len(tokenizer.encode(prefix, add_special_tokens=False))
        return min(wanted, longest) if longest else wanted

    query_prefix, pin_prefix = prefixes
    return Rendering(
        lowercase=folds_case(tokenizer),
        query_prefix=query_prefix,
        pin_prefix=pin_prefix,
        query_max_tokens=limit(config.query_max_tokens, query_prefix),
        pin_max_tokens=limit(config.pin_max_tokens, pin_prefix),
        pin_sources=config.pin_sources,
    )


def own_tokenizer(encoder: SentenceTransformer) -> Tokenizer:
    """Return a copy of an encoder's tokenizer that cuts nothing, and reads no special token."""
    tokenizer = Tokenizer.from_str(encoder.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def folds_case(tokenizer: Tokenizer) -> bool:
    """Return whether a tokenizer gives a text and its lower case the same ids.

    Tried on capitals of several scripts and on the capitalized tokens of its own vocabulary.
    """
    added = tokenizer.get_added_tokens_decoder()
    numbers = (number for number in range(tokenizer.get_vocab_size()) if number not in added)
    spelled = (tokenizer.decode([number]) for number in numbers)
    capitals = islice((text for text in spelled if text != text.lower()), _LOOKED_AT)
    return all(
        tokenizer.encode(text).ids == tokenizer.encode(text.lower()).ids
        for text in chain(_WRITTEN, capitals)
    )
