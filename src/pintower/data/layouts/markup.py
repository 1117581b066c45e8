"""Text out of the HTML that shops keep their descriptions in."""

import html

import polars as pl

__all__ = ["plain_text"]

_UNSEEN = r"(?is)<!--.*?-->|<(?:script|style)\b.*?</(?:script|style)\s*>"
_INLINE = r"(?i)</?(?:a|abbr|b|big|em|font|i|mark|s|small|span|strong|sub|sup|tt|u)(?:\s[^<>]*)?/?>"
_TAG = r"</?[a-zA-Z][^<>]*>"
_BLANKS = r"\s{2,}|[^\S ]"


def plain_text(texts: pl.Series) -> pl.Series:
    """Return what a browser would show as one line: tags removed, entities resolved.

    A tag within a line (``<b>``) leaves nothing behind, any other (``<br>``) a blank. A ``<`` that
    opens no tag, as in "3 < 5", stays.

    Args:
        texts: String [N]; null stays null.
    """
    shown = (
        texts.str.replace_all(_UNSEEN, " ").str.replace_all(_INLINE, "").str.replace_all(_TAG, " ")
    )
    resolved = shown.map_elements(html.unescape, return_dtype=pl.String)
    return resolved.str.replace_all(_BLANKS, " ").str.strip_chars().alias(texts.name)
