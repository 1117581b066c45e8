"""The rule of quotes in a TSV.

A field that begins and ends with a quote, and whose quotes in between are all doubled, is a quoted
field, as ``csv.writer`` and spreadsheets write it: ``"15"" laptop stand"`` is ``15" laptop stand``.
A quote anywhere else is an ordinary character: ``"best`` and ``15" laptop`` stay what they are.

A quoted field may hold tabs and line breaks where the whole file is written so: either its header
is quoted too, or its lines have the header's number of fields in no other way.
"""

import re

__all__ = ["has_quoted_lines", "is_escaped", "is_written_quoted", "unquote"]

_FIELD = re.compile(r'"[^"]*(?:""[^"]*)*"')
_QUOTED = re.compile(r'(?:\A|(?<=[\t\r\n]))"[^"]*(?:""[^"]*)*"(?=[\t\r\n]|\Z)')


def unquote(field: str) -> str:
    """Return what a field says: a quoted one without its quotes, any other as it is."""
    if field.startswith('"') and _FIELD.fullmatch(field):
        return field[1:-1].replace('""', '"')
    return field


def is_escaped(field: str) -> bool:
    """Whether a field is in quotes and has a quote behind a backslash where two are wanted."""
    inner = field[1:-1]
    return (
        field.startswith('"') and field.endswith('"') and '\\"' in inner and unquote(field) == field
    )


def is_written_quoted(text: str) -> bool:
    """Whether every quote of a text belongs to a quoted field, which may hold tabs and lines."""
    return '"' not in _QUOTED.sub("", text)


def has_quoted_lines(text: str) -> bool:
    """Whether a quoted field of a text holds a line break."""
    return any("\n" in field[0] for field in _QUOTED.finditer(text))
