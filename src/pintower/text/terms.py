"""Terms: what BM25 and the match features count.

A term is a word, or, where words are not set apart by blanks, a character or a pair of neighbours.
Query and pin are cut by one rule.

1. Characters are folded first: see :func:`pintower.text.characters.fold`.
2. A word is letters and digits with the marks that belong to them, so that no script loses vowels.
3. A word with an apostrophe between letters gives its parts of two letters and more, then the whole
   without the sign: ``men's`` men, mens; ``l'amour`` amour, lamour; ``don't`` don, dont.
4. A word with hyphens or underscores gives its parts, then the whole: ``t-shirt`` t, shirt, tshirt.
5. Letters and digits that touch are parts likewise: ``wh-1000xm5`` and ``wh1000xm5`` both give wh,
   1000, xm, 5, wh1000xm5; ``15in`` 15, in, 15in. A code of more than six such parts stays whole.
6. A number keeps its one point, comma or fraction bar: ``2,4`` and ``2.4`` are 2.4, ``3/4`` is 3/4;
   three digits behind a comma or point are thousands: ``1,500`` is 1500. Single letters with points
   are one term: ``u.s.`` us. All other signs end a word, the inch sign too: ``15"`` is 15.
7. Chinese, Japanese, Thai, Lao, Khmer, Burmese and Korean, and smaller scripts of their kind, give
   each character with its marks, and each pair of neighbours in a run: ``运动鞋`` 运, 运动, 动,
   动鞋, 鞋. So a query of one character finds it in a longer run.
8. A picture (emoji) is a term; its skin tones and joiners are dropped.

Accents stay, and no stems are cut.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from string import digits, punctuation

from .characters import CHARACTER, fold, outline
from .unicode_table import LETTERS, MARKS, PICTOGRAPHS, UNSPACED

__all__ = ["term_id", "terms"]

_MOST_PARTS = 6
_LONGEST_KEPT = 16
"""Characters of a text between blanks whose terms are remembered; all take 40 MB at most."""

_SIGNS = r"'_\-"
_POINTS = ".,/"
_WORD = f"[{LETTERS}][{LETTERS}{MARKS}]*"
_HEBREW = "\u05d0-\u05ea"
_FLAG_LETTER = "\u2690"
"""Stands for the letters that a flag is made of, two each."""

_ASCII_WORD = re.compile(f"[a-z0-9]+(?:[{_SIGNS}{_POINTS}][a-z0-9]+)*")
_UNIT = re.compile(
    rf"(?P<run>[{UNSPACED}](?:[{UNSPACED}{MARKS}\u200b]*[{UNSPACED}{MARKS}])?)"
    rf"|(?P<picture>{_FLAG_LETTER}{{2}}|[{PICTOGRAPHS}])"
    rf'|{_WORD}(?:[{_SIGNS}{_POINTS}]{_WORD}|(?<=[{_HEBREW}])"(?=[{_HEBREW}]){_WORD})*'
)
_CHARACTER = re.compile(CHARACTER)

_POINT = re.compile(f"[{_POINTS}]")
_JOINED = re.compile(f'[0-9"{_SIGNS}{_POINTS}]')
_INITIALS = re.compile(rf"(?:[^0-9{_SIGNS}{_POINTS}]\.)+[^0-9{_SIGNS}{_POINTS}]")
_BREAK = re.compile(f"(?<![0-9])[{_POINTS}]|[{_POINTS}](?![0-9])")
_SIGN = re.compile(f"[{_SIGNS}]")
_ATOM = re.compile(f"[0-9]+(?:[{_POINTS}][0-9]+)*|[^0-9]+")
_MARKED_DIGIT = re.compile(f"[0-9][{MARKS}]")
_UNCLEAR = re.compile(rf"[./][0-9]*\|[0-9]|[0-9]\|[0-9]+[./]|{_MARKED_DIGIT.pattern}")
"""Two numbers that meet, one of them not whole: "11/2" would be another number."""
_ONE_POINT = re.compile("([0-9]+)[.,]([0-9]+)")
_FRACTION = re.compile("[0-9]+/[0-9]+")
_THOUSANDS = re.compile(r"([1-9][0-9]{0,2}([.,])[0-9]{3}(?:\2[0-9]{3})*)(?:(?!\2)[.,]([0-9]+))?")


def terms(text: str) -> list[str]:
    """Return a text's terms, in order. Any text is fine, one without a word has none."""
    plain = text.isascii()
    if plain:
        text = text.lower()
        if text.replace(" ", "").isalpha():
            return text.split()
    found: list[str] = []
    for piece in text.split():
        if (piece.isalpha() or piece.isdigit()) and (plain or piece.isascii()):
            found.append(piece if plain else piece.lower())
            continue
        bare = piece.strip(punctuation)
        if bare.isalpha() and (plain or bare.isascii()):
            found.append(bare if plain else bare.lower())
        else:
            found += _known_terms(bare) if len(bare) <= _LONGEST_KEPT else _terms(bare)
    return found


def _terms(text: str) -> tuple[str, ...]:
    """Return the terms of a text, the long way."""
    found: list[str] = []
    text = fold(text)
    if text.isascii():
        for word in _ASCII_WORD.findall(text):
            found += _parts(word)
        return tuple(found)
    seen = outline(text)
    for unit in _UNIT.finditer(seen):
        begin, end = unit.span()
        if unit.lastgroup == "run":
            cuts = [cut.span() for cut in _CHARACTER.finditer(unit[0])]
            found += _neighbours([text[begin + first : begin + last] for first, last in cuts])
        elif unit.lastgroup == "picture" or not _JOINED.search(text, begin, end):
            found.append(text[begin:end])
        else:
            found += _parts(text[begin:end])
    return tuple(found)


_known_terms = lru_cache(maxsize=1 << 14)(_terms)


def _neighbours(characters: Sequence[str]) -> list[str]:
    """Return each character, and after it the pair that it makes with the next."""
    found = [characters[0]]
    for before, after in pairwise(characters):
        found += (before + after, after)
    return found


def _parts(word: str) -> list[str]:
    """Return the terms of letters and digits that signs join."""
    word = word.replace('"', "")
    if not _POINT.search(word):
        return _compound(word)
    if _INITIALS.fullmatch(word):
        return [word.replace(".", "")]
    return [part for compound in _BREAK.split(word) for part in _compound(compound)]


def _compound(text: str) -> list[str]:
    """Return the parts of a compound, and the whole where it can be told what that is."""
    atoms = [atom for stretch in _SIGN.split(text) for atom in _atoms(stretch)]
    numbers = [_number(atom) if atom[0] in digits else [atom] for atom in atoms]
    parts = [part for number in numbers for part in number]
    if len(parts) == 1:
        return parts
    whole = "".join(parts)
    clear = len(parts) == len(atoms) and not _UNCLEAR.search("|".join(parts))
    if "'" in text:
        parts = [part for part in parts if len(part) > 1 or part in digits]
    return [*parts, whole] if clear else parts


def _atoms(stretch: str) -> list[str]:
    """Return runs of letters and numbers, in turn."""
    if _MARKED_DIGIT.search(stretch):
        return [stretch]
    atoms = _ATOM.findall(stretch)
    return atoms if len(atoms) <= _MOST_PARTS else [stretch]


def _number(text: str) -> list[str]:
    """Return a number in one form, or the numbers of a list of them."""
    if text.isdigit() or _FRACTION.fullmatch(text):
        return [text]
    if found := _THOUSANDS.fullmatch(text):
        whole = found[1].replace(found[2], "")
        return [f"{whole}.{found[3]}" if found[3] else whole]
    if found := _ONE_POINT.fullmatch(text):
        return [f"{found[1]}.{found[2]}"]
    return re.split(f"[{_POINTS}]", text)


@lru_cache(maxsize=1 << 18)
def term_id(term: str) -> int:
    """Return a term's stable 32-bit id (the first four bytes of its BLAKE2b).

    Ids need no vocabulary, so a term first seen after training still matches itself. Two of a
    million distinct terms share an id with about 100 others in all.
    """
    return int.from_bytes(blake2b(term.encode("utf-8", "replace"), digest_size=4).digest(), "big")
