"""Characters in the forms that are compared: one form for all writings of a character.

Which Unicode a Python knows decides how it folds characters that are newer than Unicode 13. So
those are left as they are: training and serving agree, whatever Python each runs.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache

from .unicode_table import DROPPED, FIRST, KIND, MARKS, UNASSIGNED, UNSPACED, ZEROS

__all__ = ["CHARACTER", "compatible", "fold", "lower", "outline"]

_BEYOND = re.compile("[\U00010000-\U0010ffff]")
_NEWER = re.compile(f"[{UNASSIGNED}]+")
_NEWER_OR_BEYOND = re.compile(f"[{UNASSIGNED}\U00010000-\U0010ffff]")

_SMALL = "\u00b2\u00b3\u00b9\u00bc-\u00be\u2070\u2074-\u2079\u2080-\u2089\u2150-\u215f\u2189"
_DIGIT_BEFORE_A_SMALL_ONE = re.compile(f"[0-9\uff10-\uff19](?=[{_SMALL}])")
_ACUTE = "\u00b4"
_SMALL_OR_ACUTE = re.compile(f"[{_SMALL}{_ACUTE}]")
_STACKERS = "\u17d2\u1039\u1a60\ua9c0\u1b44"
"""Signs that put the letter behind them under the one before (Khmer, Burmese and others)."""

CHARACTER = f"[{UNSPACED}](?:[{_STACKERS}][{UNSPACED}]|[{MARKS}\u0e33\u0eb3])*"
"""Pattern of a character, with its marks, of a script in which words are not set apart."""

_HALF_AM = re.compile("[\u0e4d\u0ecd]")
_AM = re.compile("\u0e4d([\u0e48-\u0e4b]?)\u0e32|\u0ecd([\u0ec8-\u0ecb]?)\u0eb2")
"""The Thai and the Lao vowel AM in the two parts that NFKC makes of it, a tone between or not."""

_LETTERS = {
    "\u0131": "i",
    "\u0307": "",
    "\u0451": "\u0435",
    "\u0163": "\u021b",
    "\u015f": "\u0219",
    "\u06cc": "\u064a",
    "\u0649": "\u064a",
    "\u06a9": "\u0643",
}
"""Letters that people write for one another.

Turkish dotless i, and the dot that lower case leaves of the dotted capital; Russian ё; Romanian
letters with a cedilla for a comma; Persian and Arabic yeh and kaf.
"""

_SIGNS = {
    **dict.fromkeys("\u2018\u2019\u201b\u02bb\u02bc\u02b9\u055a\u05f3\ua78c", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2212\u05be", "-"),
    **dict.fromkeys("\u2044\u2215", "/"),
    "\u05f4": '"',
    "\u066b": ".",
    "\u066c": ",",
    "\u00d7": "x",
}
_DIGITS = {chr(ord(zero) + digit): str(digit) for zero in ZEROS for digit in range(10)}
_REPLACEMENTS = _LETTERS | _SIGNS | _DIGITS
_REPLACED = re.compile(f"[{''.join(_REPLACEMENTS)}]")
_UNSEEN = re.compile(f"[{DROPPED}]")


def outline(text: str) -> str:
    """Return a text in which a character of the same kind stands for each one beyond U+FFFF.

    Character classes are fast up to there, and slow beyond.
    """
    return _BEYOND.sub(_stand_in, text)


def compatible(text: str) -> str:
    """Return a text in NFKC, in which a digit keeps apart from the small digits behind it.

    Without that "1½" would become eleven halves, and "10²" a hundred and two. An acute accent that
    was typed for an apostrophe becomes one.
    """
    if text.isascii():
        return text
    if _SMALL_OR_ACUTE.search(text):
        text = _DIGIT_BEFORE_A_SMALL_ONE.sub(r"\g<0> ", text).replace(_ACUTE, "'")
    return _where_known(_normalize, text)


def lower(text: str) -> str:
    """Return a text in lower case, letter by letter as tokenizers do it.

    A capital sigma at a word's end becomes the usual small one.
    """
    if text.isascii():
        return text.lower()
    return _where_known(str.lower, text.replace("\u03a3", "\u03c3"))


def fold(text: str) -> str:
    """Return the form in which texts are compared term by term.

    NFKC and folded case, and beyond them: letters that stand for one another, the digits of all
    scripts, apostrophes and hyphens become one; what is not seen (soft hyphens, joiners, marks of
    direction, variation selectors), Arabic and Hebrew points and the Arabic tatweel are dropped.
    """
    if text.isascii():
        return text.lower()
    text = compatible(text)
    if _BEYOND.search(text) or _UNSEEN.search(text):
        kinds = zip(text, outline(text), strict=True)
        text = "".join(char for char, kind in kinds if not _UNSEEN.match(kind))
    text = _REPLACED.sub(_replacement, _where_known(_casefold, text))
    text = _where_known(_normalize, text)
    return _AM.sub(_join_am, text) if _HALF_AM.search(text) else text


def _where_known(function: Callable[[str], str], text: str) -> str:
    """Apply a function to those stretches of a text that every Python knows."""
    if not _NEWER_OR_BEYOND.search(text):
        return function(text)
    seen = outline(text)
    parts: list[str] = []
    done = 0
    for newer in _NEWER.finditer(seen):
        parts += (function(text[done : newer.start()]), text[newer.start() : newer.end()])
        done = newer.end()
    return "".join([*parts, function(text[done:])])


def _normalize(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _casefold(text: str) -> str:
    return _normalize(text.casefold())


def _replacement(found: re.Match[str]) -> str:
    return _REPLACEMENTS[found[0]]


def _join_am(found: re.Match[str]) -> str:
    return f"{found[1]}\u0e33" if found[1] is not None else f"{found[2]}\u0eb3"


def _stand_in(found: re.Match[str]) -> str:
    return _kind(found[0])


@lru_cache(maxsize=1 << 12)
def _kind(character: str) -> str:
    return KIND[bisect_right(FIRST, ord(character)) - 1]
