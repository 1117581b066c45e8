"""How texts are rendered for an encoder that is taken as it is: prefixes, lengths, case."""

import logging
import sys
from itertools import chain, islice

from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from pintower.config import StudentConfig
from pintower.errors import StudentError
from pintower.models.adoption.encoder import Adopted
from pintower.models.first_module import longest_input, own_tokenizer
from pintower.models.prefixes import require_plain, require_room
from pintower.text.rendering import Rendering, normalize_query

__all__ = ["folds_case", "rendering_for"]

logger = logging.getLogger(__name__)

_WRITTEN = ("Red Shoes", "IPHONE 15 Pro", "Émile ZOLA Été", "Красные ТУФЛИ", "ΜΠΛΕ ΤΣΑΝΤΕΣ")
_LETTERS = [char for char in map(chr, range(sys.maxunicode + 1)) if char.lower() != char]
_CONTEXTS = ("{}", "a {} b", "a{}b")
_WRITINGS = (str, str.lower, str.upper, str.title, str.swapcase)
_LOWER = Rendering(lowercase=True, fold_forms=False)
_QUERY_TOKENS = 128
"""Of a query where the config says nothing. On a CPU rows of ids may be wider than their query for
nothing; on a GPU all places are computed."""
_UNSTATED = 512
"""Tokens of a pin where the encoder's files state no limit."""
_CHARACTERS = 16
"""Characters for each token, more than any text has: what is cut is cut by its tokens."""
_LOOKED_AT = 1_000
"""Capitalized tokens of a vocabulary that are tried."""


def rendering_for(encoder: Adopted, config: StudentConfig, prefixes: tuple[str, str]) -> Rendering:
    """Return the rendering under which the served embedding is the encoder's own.

    A length is the config's, for what the user's text may take, and the prefix's tokens on top, so
    that a long instruction leaves room for the query; never more than the encoder takes. Where the
    config says nothing, pins may have what the encoder takes; queries less, since the ids of every
    query lie in rows of their full length.

    Args:
        encoder: with its tokenizer and its longest input.
        config: lengths and text sources.
        prefixes: before a query and before a pin text.

    Raises:
        StudentError: if a prefix leaves no room for text or holds a special token, or queries are
            filled up with tokens of the encoder's own.
    """
    if getattr(encoder.query[0], "query_expansion", None):
        raise StudentError(
            "The encoder fills queries up with mask tokens (query_expansion in "
            "sentence_bert_config.json), which pintower does not. Take that out of its files, if "
            "it was trained without."
        )
    query_prefix, pin_prefix = prefixes
    tokenizers = {side: own_tokenizer(side) for side in (encoder.query, encoder.pin)}
    query_tokens = _limit(encoder.query, "query", config.query_max_tokens, query_prefix)
    pin_tokens = _limit(encoder.pin, "pin", config.pin_max_tokens, pin_prefix)
    rendering = Rendering(
        lowercase=all(folds_case(tokenizer) for tokenizer in tokenizers.values()),
        fold_forms=False,
        query_prefix=query_prefix,
        pin_prefix=pin_prefix,
        query_max_chars=max(Rendering.query_max_chars, query_tokens * _CHARACTERS),
        query_max_tokens=query_tokens,
        pin_max_tokens=pin_tokens,
        pin_sources=config.pin_sources,
        source_max_chars=config.source_max_chars or pin_tokens * _CHARACTERS,
    )
    for side, own in (("query", encoder.query), ("pin", encoder.pin)):
        prefix, tokens = rendering.of(side)
        require_plain(tokenizers[own], prefix, side)
        require_room(tokenizers[own], prefix, tokens, side)
    return rendering


def _limit(encoder: SentenceTransformer, side: str, asked: int | None, prefix: str) -> int:
    """Return the most tokens of a query or a pin, prefix included."""
    longest = longest_input(encoder, side)
    if asked is None and side == "pin":
        if longest is None:
            logger.info(
                "the encoder's files state no longest input: pins have %d tokens", _UNSTATED
            )
        return longest or _UNSTATED
    added = len(own_tokenizer(encoder).encode(prefix, add_special_tokens=False))
    wanted = (asked or _QUERY_TOKENS) + added
    if asked is not None and longest is not None and wanted > longest:
        logger.warning(
            "%s_max_tokens is %d, %d with the prefix; the encoder takes %d, and reads no more",
            side, asked, wanted, longest,
        )  # fmt: skip
    return min(wanted, longest or wanted)


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
