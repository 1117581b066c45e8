"""Write ``src/pintower/text/unicode_table.py``: what characters are, as Unicode 13 has them.

    python3.10 tools/unicode_table.py

Python 3.10 is the oldest that runs the text package, and knows Unicode 13. Newer ones know more
characters; by a table all of them tell words apart alike.
"""

import sys
import textwrap
import unicodedata
from collections.abc import Callable
from pathlib import Path

VERSION = "13.0.0"
TARGET = Path(__file__).parents[1] / "src" / "pintower" / "text" / "unicode_table.py"

BASIC = range(0x10000)
SUPPLEMENTARY = range(0x10000, sys.maxunicode + 1)

UNSPACED = (
    "THAI", "LAO", "KHMER", "MYANMAR", "TAI LE", "NEW TAI LUE", "TAI THAM", "TAI VIET", "AHOM",
    "JAVANESE", "BALINESE", "CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "IDEOGRAPHIC",
    "HIRAGANA", "KATAKANA", "BOPOMOFO", "YI SYLLABLE", "HANGUL SYLLABLE", "HANGUL CHOSEONG",
    "HANGUL JUNGSEONG", "HANGUL JONGSEONG", "HANGUL LETTER",
)  # fmt: skip
"""How the names of characters begin whose words are not set apart, or, in Korean, run together."""

IDEOGRAPHS = range(0x20000, 0x3FFFE)
"""Two planes that are for ideographs alone, assigned by now or not."""

PICTOGRAPHS = (range(0x2600, 0x27C0), range(0x1F000, 0x1FB00))
"""Blocks of pictures, emoji among them."""

NEW_PICTOGRAPHS = range(0x1F300, 0x1FB00)
"""The blocks that new emoji come to."""

SKIN_TONES = range(0x1F3FB, 0x1F400)
FLAG_LETTERS = range(0x1F1E6, 0x1F200)
TAGS = range(0xE0000, 0xE1000)

POINTS = (
    range(0x0591, 0x05BE), (0x05BF, 0x05C1, 0x05C2, 0x05C4, 0x05C5, 0x05C7),
    range(0x0610, 0x061B), range(0x064B, 0x0653), range(0x0656, 0x0660), (0x0640, 0x0670),
    range(0x06D6, 0x06DD), range(0x06DF, 0x06E5), (0x06E7, 0x06E8), range(0x06EA, 0x06EE),
    range(0x08D3, 0x0900),
)  # fmt: skip
"""Hebrew and Arabic points, and the sign that makes an Arabic word longer."""

DROPPED_POINTS = {point for part in POINTS for point in part}
ZERO_WIDTH_SPACE = 0x200B

STAND_INS = {
    "LETTERS": "a", "UNSPACED": "\u4e00", "MARKS": "\u0300", "PICTOGRAPHS": "\u2600",
    "DROPPED": "\u00ad",
}  # fmt: skip
"""A character of each kind; those of ``KIND`` that follow are told apart from them."""

NOTHING, NEW_LETTER, FLAG_LETTER = "!", "\u0378", "\u2690"

HEADER = '''"""Kinds of characters in Unicode {version}, written by ``tools/unicode_table.py``.

Each string but ``KIND`` is the inside of a character class of a regular expression, and tells of
characters up to U+FFFF. Beyond, ``FIRST`` has where each stretch of characters of one kind begins,
and ``KIND`` a character up to U+FFFF that is of the stretch's kind.
"""

__all__ = [
{names}
]
'''


def main() -> None:
    """Write the table."""
    if unicodedata.unidata_version != VERSION:
        sys.exit(f"This Python knows Unicode {unicodedata.unidata_version}; run Python 3.10.")
    classes = {name: ranges(is_kind) for name, is_kind in KINDS.items()}
    classes["UNASSIGNED"] = ranges(is_unassigned)
    classes["ZEROS"] = "".join(escape(point) for point in BASIC if point > 0x80 and is_zero(point))
    first: list[int] = []
    kinds = ""
    for point in SUPPLEMENTARY:
        kind = stand_in(point)
        if not kinds or kind != kinds[-1]:
            first.append(point)
            kinds += kind
    classes["KIND"] = "".join(escape(ord(kind)) for kind in kinds)
    names = "\n".join(f'    "{name}",' for name in sorted([*classes, "FIRST"]))
    written = [HEADER.format(version=VERSION, names=names)]
    written += [f"{name} = {literal(value)}\n" for name, value in classes.items()]
    numbers = textwrap.fill(", ".join(map(hex, first)), 96, initial_indent="    ",
                            subsequent_indent="    ")  # fmt: skip
    written.append(f"FIRST = (\n{numbers},\n)  # fmt: skip\n")
    TARGET.write_text("\n".join(written), "utf-8")


def is_unassigned(point: int) -> bool:
    """Whether Unicode has no character there yet, and may come to have one."""
    never = point & 0xFFFE == 0xFFFE or 0xFDD0 <= point < 0xFDF0
    return unicodedata.category(chr(point)) == "Cn" and not never


def is_dropped(point: int) -> bool:
    """Whether a character is not seen, or only helps to read the ones beside it."""
    name = unicodedata.name(chr(point), "")
    kind = unicodedata.category(chr(point))
    return (
        point in DROPPED_POINTS
        or point in SKIN_TONES
        or point in TAGS
        or (kind == "Cf" and point != ZERO_WIDTH_SPACE)
        or kind == "Me"
        or "VARIATION SELECTOR" in name
        or name == "COMBINING GRAPHEME JOINER"
    )


def is_mark(point: int) -> bool:
    """Whether a character belongs to the one before."""
    return unicodedata.category(chr(point))[0] == "M" and not is_dropped(point)


def is_unspaced(point: int) -> bool:
    """Whether a character is one of a run that is cut into neighbours."""
    name = unicodedata.name(chr(point), "")
    letter = unicodedata.category(chr(point))[0] == "L" or name.startswith("IDEOGRAPHIC NUMBER")
    return point in IDEOGRAPHS or (letter and name.startswith(UNSPACED))


def is_pictograph(point: int) -> bool:
    """Whether a character is a picture, known by now or not."""
    kind = unicodedata.category(chr(point))
    known = kind == "So" and any(point in block for block in PICTOGRAPHS)
    return known or (kind == "Cn" and point in NEW_PICTOGRAPHS)


def is_letter(point: int) -> bool:
    """Whether a character is of a word: letters, digits, and what may become one."""
    kind = unicodedata.category(chr(point))
    other = is_unspaced(point) or is_pictograph(point) or is_dropped(point)
    return (kind[0] in "LN" or is_unassigned(point)) and not other


KINDS: dict[str, Callable[[int], bool]] = {
    "LETTERS": is_letter, "UNSPACED": is_unspaced, "MARKS": is_mark, "PICTOGRAPHS": is_pictograph,
    "DROPPED": is_dropped,
}  # fmt: skip


def is_zero(point: int) -> bool:
    """Whether a character is the first of a script's ten digits."""
    return unicodedata.category(chr(point)) == "Nd" and unicodedata.digit(chr(point)) == 0


def stand_in(point: int) -> str:
    """Return a character up to U+FFFF that is of the same kind."""
    if point in FLAG_LETTERS:
        return FLAG_LETTER
    kind = next((name for name, is_kind in KINDS.items() if is_kind(point)), None)
    if kind is None:
        return NOTHING
    return NEW_LETTER if kind == "LETTERS" and is_unassigned(point) else STAND_INS[kind]


def ranges(wanted: Callable[[int], bool]) -> str:
    """Return the characters up to U+FFFF that are wanted, escaped, as ranges."""
    found: list[list[int]] = []
    for point in BASIC:
        if not wanted(point):
            continue
        if found and found[-1][1] == point - 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return "".join(
        escape(a) + ("" if a == b else ("-" if b - a > 1 else "") + escape(b)) for a, b in found
    )


def escape(point: int) -> str:
    r"""Return a character as ``\xnn`` or ``\unnnn``, never as itself."""
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"


def literal(value: str) -> str:
    """Return a string as lines of at most 100 columns, cut between characters."""
    parts, line = [], ""
    for piece in value.replace("\\", " \\").split():
        if len(line) + len(piece) > 94:
            parts.append(line)
            line = ""
        line += piece
    if not parts:
        return f'"{line}"'
    return "(\n" + "\n".join(f'    "{part}"' for part in [*parts, line]) + "\n)"


if __name__ == "__main__":
    main()
