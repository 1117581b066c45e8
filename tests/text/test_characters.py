"""The table of characters agrees with the Unicode of the Python that runs."""

import hashlib
import re
import unicodedata

from pintower.text.characters import compatible, fold, lower, outline
from pintower.text.rendering import Rendering, normalize_query
from pintower.text.terms import terms
from pintower.text.unicode_table import LETTERS, MARKS, UNASSIGNED, UNSPACED
from pintower.text.words import words

NEWEST_LETTER = "\U0001e030"
"""Unicode 15: folds to another letter, where it is known."""

_TATWEEL = "\u0640"


def test_the_table_tells_letters_and_marks_as_this_python_does() -> None:
    known = re.compile(f"[^{UNASSIGNED}]")
    letters, marks = re.compile(f"[{LETTERS}{UNSPACED}]"), re.compile(f"[{LETTERS}{MARKS}]")
    for point in range(0x110000):
        char = chr(point)
        kind = outline(char)
        if not known.match(kind):
            continue
        category = unicodedata.category(char)
        if letters.match(kind):
            assert category[0] in "LN" or category == "Cn" or kind == "\u4e00", hex(point)
        if category[0] == "L" and char != _TATWEEL:
            assert letters.match(kind) or marks.match(kind), hex(point)


def test_what_newer_unicode_folds_is_left_as_it_is() -> None:
    for function in (compatible, fold, lower):
        assert function(NEWEST_LETTER) == NEWEST_LETTER
        assert function(f"É{NEWEST_LETTER}ﬁ").count(NEWEST_LETTER) == 1
    assert fold(f"É{NEWEST_LETTER}ﬁ") == f"é{NEWEST_LETTER}fi"


def test_every_python_gives_the_same_terms_and_normal_forms() -> None:
    """The digest was taken on Python 3.10, and is the same on 3.11, 3.12 and 3.13."""
    points = [0x20 + number * 7919 % 0x33500 for number in range(24_000)]
    digest = hashlib.sha256()
    for begin in range(0, len(points), 8):
        text = "".join(map(chr, points[begin : begin + 8]))
        digest.update(ascii([terms(text), words(text)]).encode())
        digest.update(ascii(normalize_query(text, Rendering())).encode())
    assert digest.hexdigest()[:16] == "ffa0593dbcf9edb0"
