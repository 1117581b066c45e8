"""How texts are rendered for an encoder that is taken as it is: prefixes, lengths, case."""

from itertools import chain, islice

from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from pintower.config import StudentConfig
from pintower.models.adoption.encoder import Adopted
from pintower.models.first_module import longest_input, own_tokenizer
from pintower.text.rendering import Rendering

__all__ = ["folds_case", "rendering_for"]

_WRITTEN = ("Red Shoes", "IPHONE 15 Pro", "Émile ZOLA Été", "Красные ТУФЛИ", "ΜΠΛΕ Τσάντα")
_LOOKED_AT = 1_000
"""Capitalized tokens of a vocabulary that are tried."""


def rendering_for(encoder: Adopted, config: StudentConfig, prefixes: tuple[str, str]) -> Rendering:
    """Return the rendering under which the served embedding is the encoder's own.

    A length is the config's, for what the user's text may take, and the prefix's tokens on top, so
    that a long instruction leaves room for the query; never more than the encoder takes.

    Args:
        encoder: with its tokenizer and its longest input.
        config: lengths and text sources.
        prefixes: before a query and before a pin text.
    """
    tokenizers = {side: own_tokenizer(side) for side in (encoder.query, encoder.pin)}

    def limit(side: SentenceTransformer, tokens: int, prefix: str) -> int:
        wanted = tokens + len(tokenizers[side].encode(prefix, add_special_tokens=False))
        longest = longest_input(side)
        return min(wanted, longest) if longest else wanted

    query_prefix, pin_prefix = prefixes
    return Rendering(
        lowercase=all(folds_case(tokenizer) for tokenizer in tokenizers.values()),
        query_prefix=query_prefix,
        pin_prefix=pin_prefix,
        query_max_tokens=limit(encoder.query, config.query_max_tokens, query_prefix),
        pin_max_tokens=limit(encoder.pin, config.pin_max_tokens, pin_prefix),
        pin_sources=config.pin_sources,
    )


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
