"""How texts are rendered for an encoder that is taken as it is: prefixes, lengths, case."""

import sys
from itertools import chain, islice

from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from pintower.config import StudentConfig
from pintower.models.adoption.encoder import Adopted
from pintower.models.first_module import longest_input, own_tokenizer
from pintower.models.prefixes import require_plain, require_room
from pintower.text.rendering import Rendering, normalize_query

__all__ = ["folds_case", "rendering_for"]

_WRITTEN = ("Red Shoes", "IPHONE 15 Pro", "Émile ZOLA Été", "Красные ТУФЛИ", "ΜΠΛΕ ΤΣΑΝΤΕΣ")
_LETTERS = [char for char in map(chr, range(sys.maxunicode + 1)) if char.lower() != char]
_CONTEXTS = ("{}", "a {} b", "a{}b")
_WRITINGS = (str, str.lower, str.upper, str.title, str.swapcase)
_LOWER = Rendering(lowercase=True, fold_forms=False)
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

    Raises:
        StudentError: if a prefix leaves no room for text, or holds a special token.
    """
    tokenizers = {side: own_tokenizer(side) for side in (encoder.query, encoder.pin)}

    def limit(side: SentenceTransformer, tokens: int, prefix: str) -> int:
        wanted = tokens + len(tokenizers[side].encode(prefix, add_special_tokens=False))
        longest = longest_input(side)
        return min(wanted, longest) if longest else wanted

    query_prefix, pin_prefix = prefixes
    rendering = Rendering(
        lowercase=all(folds_case(tokenizer) for tokenizer in tokenizers.values()),
        fold_forms=False,
        query_prefix=query_prefix,
        pin_prefix=pin_prefix,
        query_max_tokens=limit(encoder.query, config.query_max_tokens, query_prefix),
        pin_max_tokens=limit(encoder.pin, config.pin_max_tokens, pin_prefix),
        pin_sources=config.pin_sources,
    )
    for side, own in (("query", encoder.query), ("pin", encoder.pin)):
        prefix, tokens = rendering.of(side)
        require_plain(tokenizers[own], prefix, side)
        require_room(tokenizers[own], prefix, tokens, side)
    return rendering


def folds_case(tokenizer: Tokenizer) -> bool:
    """Return whether a tokenizer gives every text and its lower case the same ids.

    Tried on every letter that has a lower case, on the capitalized tokens of its own vocabulary,
    and on the tokens that were added to it, which may be looked for before case is folded.
    """
    added = tokenizer.get_added_tokens_decoder()
    numbers = (number for number in range(tokenizer.get_vocab_size()) if number not in added)
    spelled = (tokenizer.decode([number]) for number in numbers)
    capitals = islice((text for text in spelled if _lower(text) != text), _LOOKED_AT)
    words = [token.content for token in added.values() if not token.special]
    writings = (change(word) for word in words for change in _WRITINGS)
    alone = chain(_LETTERS, capitals, writings)
    texts = (context.format(text) for text in alone for context in _CONTEXTS)
    return all(
        tokenizer.encode(text).ids == tokenizer.encode(_lower(text)).ids
        for text in chain(_WRITTEN, texts)
    )


def _lower(text: str) -> str:
    return normalize_query(text, _LOWER)
