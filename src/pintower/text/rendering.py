"""How queries and pins become the text an encoder sees.

Every function is total: any bytes and any mapping give a string, never an error.
"""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .characters import compatible, lower
from .version import VERSION, require_version

__all__ = ["PIN_SOURCES", "Rendering", "decode", "normalize_query", "render_pin", "render_query"]

PIN_SOURCES = ("title", "description", "caption", "board_titles", "engaged_queries")


@dataclass(frozen=True)
class Rendering:
    """The rules, as ``text.json`` of a student folder holds them.

    Attributes:
        version: of the text rules; a student made under another version is refused.
        lowercase: fold case in queries, so that "Red Shoes" and "red shoes" are one cache entry.
        fold_forms: write compatibility forms of characters as the usual ones (NFKC): full width
            letters, ligatures, "²". Without it they stay as they were typed.
        query_prefix: put before every query ("query: " for E5).
        pin_prefix: put before every pin text.
        query_max_chars: a longer query is cut before anything else looks at it.
        query_max_tokens: tokens of the encoded query, special tokens included.
        pin_max_tokens: tokens of the encoded pin, special tokens included.
        pin_sources: the pin's text sources, in order.
        source_max_chars: each source is cut to this many characters.
        list_max_items: of a list source (boards, queries) only the first, best items are taken.
        separator: between sources.
    """

    version: int = VERSION
    lowercase: bool = True
    fold_forms: bool = True
    query_prefix: str = ""
    pin_prefix: str = ""
    query_max_chars: int = 512
    query_max_tokens: int = 32
    pin_max_tokens: int = 64
    pin_sources: tuple[str, ...] = PIN_SOURCES
    source_max_chars: int = 256
    list_max_items: int = 5
    separator: str = " | "

    def of(self, side: str) -> tuple[str, int]:
        """Return prefix and most tokens of a ``query`` or a ``pin``."""
        query = (self.query_prefix, self.query_max_tokens)
        return query if side == "query" else (self.pin_prefix, self.pin_max_tokens)

    def save(self, path: Path) -> None:
        """Write ``text.json``."""
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> "Rendering":
        """Read ``text.json``.

        Raises:
            ValueError: for unknown keys or the rules of another version.
        """
        values = json.loads(path.read_text("utf-8"))
        require_version(
            values.get("version"),
            path,
            "Train the student again, or make it again with `pintower student from-encoder`.",
        )
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            raise ValueError(
                f"{path}: unknown keys {unknown}: a newer pintower made it; install that one"
            )
        values["pin_sources"] = tuple(values.get("pin_sources", PIN_SOURCES))
        return cls(**values)


def decode(raw: bytes) -> str:
    """Decode UTF-8; what is not UTF-8 becomes the replacement character."""
    return raw.decode("utf-8", "replace")


def normalize_query(text: str, rendering: Rendering) -> str:
    """Return the query in its normal form: controls and runs of blanks as one blank, none around.

    Compatibility forms and case are folded where the rendering says so.

    Two queries with the same normal form are the same query: for the splits, the log and the cache.
    The normal form has the terms of the text, as long as nothing is cut.
    """
    text = _usual_forms(text[: rendering.query_max_chars], rendering)
    text = "".join(" " if unicodedata.category(char) == "Cc" else char for char in text)
    if rendering.lowercase:
        text = lower(text)
    return " ".join(text.split())[: rendering.query_max_chars]


def render_query(text: str, rendering: Rendering) -> str:
    """Return the text the query encoder sees."""
    return rendering.query_prefix + normalize_query(text, rendering)


def render_pin(pin: Mapping[str, Any], rendering: Rendering) -> str:
    """Return the text the pin encoder sees: the sources in order, empty ones left out.

    Args:
        pin: a row of the pins table; list sources as lists of strings.
        rendering: the rules.
    """
    parts = []
    for source in rendering.pin_sources:
        value = pin.get(source)
        if not value:
            continue
        if not isinstance(value, str):
            value = ", ".join(str(item) for item in list(value)[: rendering.list_max_items])
        text = " ".join(_usual_forms(value[: rendering.source_max_chars], rendering).split())
        if text:
            parts.append(text)
    return rendering.pin_prefix + rendering.separator.join(parts)


def _usual_forms(text: str, rendering: Rendering) -> str:
    return compatible(text) if rendering.fold_forms else text
