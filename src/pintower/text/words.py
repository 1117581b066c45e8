"""Words of a text, to take some of them: as they are written, with the blanks behind them.

In scripts that do not set words apart two characters stand for a word.
"""

import re

from .characters import CHARACTER, outline
from .unicode_table import LETTERS, MARKS, UNSPACED

__all__ = ["words"]

_HANGUL = "\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7fb"
"""Korean sets words apart."""

_RUN = f"(?![{_HANGUL}])[{UNSPACED}]"
_WORD = re.compile(
    rf"(?:(?![{_HANGUL}]){CHARACTER}){{1,2}}[^{LETTERS}{UNSPACED}{MARKS}\s]*\s*"
    rf"|(?:(?!{_RUN})\S)+\s*"
)


def words(text: str) -> list[str]:
    """Return a text's words in order; joined they are the text, but for blanks at its ends."""
    text = text.strip()
    return [text[word.start() : word.end()] for word in _WORD.finditer(outline(text))]
