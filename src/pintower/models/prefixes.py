"""What is put before a text, checked: it must leave room for the text, and be text itself."""

from tokenizers import Tokenizer

from pintower.errors import StudentError

__all__ = ["FEWEST_TOKENS", "require_plain", "require_room"]

FEWEST_TOKENS = 4
"""Tokens of a text, at least, that its prefix must leave: two words in pieces."""


def require_room(tokenizer: Tokenizer, prefix: str, max_tokens: int, side: str) -> None:
    """Check that text is left of a query or pin behind its prefix and the special tokens.

    Args:
        tokenizer: of the encoder.
        prefix: before every text.
        max_tokens: of a text, prefix and special tokens included.
        side: ``query`` or ``pin``.

    Raises:
        StudentError: if fewer than :data:`FEWEST_TOKENS` are left.
    """
    whole = Tokenizer.from_str(tokenizer.to_str())
    whole.no_truncation()
    special, taken = (len(whole.encode(text)) for text in ("", prefix))
    if max_tokens - taken >= FEWEST_TOKENS:
        return
    needed = taken + FEWEST_TOKENS
    put = f" and the prefix {prefix[:60]!r} takes {taken - special}" if prefix else ""
    shorter = f", or a shorter prefix ({side}_prefix, --{side}-prefix)" if prefix else ""
    raise StudentError(
        f"There is no room for a {side}: of {max_tokens} tokens that it may have, special tokens "
        f"take {special}{put}, which leaves {max(0, max_tokens - taken)} for its text; at least "
        f"{FEWEST_TOKENS} are needed. Give it {needed} tokens or more, where the encoder takes "
        f"them ({side}_max_tokens, --{side}-max-tokens){shorter}."
    )


def require_plain(tokenizer: Tokenizer, prefix: str, side: str) -> None:
    """Check that a prefix holds no special token.

    In a text that is served a special token's name is text, so that no user can write one; in a
    prompt sentence-transformers takes it for the token, and the embeddings would be others.

    Args:
        tokenizer: of the encoder.
        prefix: before every text.
        side: ``query`` or ``pin``.

    Raises:
        StudentError: naming the special tokens.
    """
    as_tokens, as_text = (Tokenizer.from_str(tokenizer.to_str()) for _ in range(2))
    as_text.encode_special_tokens = True
    given = as_tokens.encode(prefix).ids
    if given == as_text.encode(prefix).ids:
        return
    special = [
        token.content
        for number, token in tokenizer.get_added_tokens_decoder().items()
        if token.special and number in given and token.content.strip() in prefix
    ]
    raise StudentError(
        f"The {side} prefix {prefix!r} holds the special token {', '.join(special)}. Where it is "
        "served its name is text, as in a user's query, so the embeddings would not be the "
        f"encoder's own. Give a {side}_prefix without it (--{side}-prefix), and measure what that "
        "changes."
    )
