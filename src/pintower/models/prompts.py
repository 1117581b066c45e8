"""The prompts an encoder's own files state, and which of them is put before queries and pins.

Files name prompts freely: "query" and "passage", "search_document", "retrieval.query". What
sentence-transformers itself takes is the prompt "query" before a query and "document" before a
document, and nothing where those hold no text. A prompt that is plainly meant for one side is taken
beyond that, and a warning says so.
"""

import logging
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from pintower.artifacts import read_json
from pintower.errors import StudentError

__all__ = ["stated_prefixes"]

logger = logging.getLogger(__name__)

_SETTINGS = "config_sentence_transformers.json"
_NAMES = {"query": ("query",), "pin": ("document", "passage", "corpus")}
"""Names of each side's prompt, in the order in which they are looked for."""
_OWN = {"query": "query", "pin": "document"}
"""The names that sentence-transformers itself reads."""
_WORDS = {
    "query": {"query", "queries"},
    "pin": {"document", "documents", "doc", "passage", "passages", "corpus"},
}
_TASKS = {"retrieval", "search", "web", "s2p"}
"""Words that may stand beside one of those in a name."""


def stated_prefixes(folder: Path, sides: Collection[str] = ("query", "pin")) -> tuple[str, str]:
    """Return the prompts an encoder's own files state: before a query and before a pin text.

    For queries the prompt ``query``; for pins the first of ``document``, ``passage`` and ``corpus``
    that holds text. Next come such names in other letters, or beside a word for retrieval
    (``retrieval.query``, ``search_document``), then the default prompt, unless it is named for the
    other side. A warning tells where sentence-transformers would take another prompt, or where none
    is taken, and which others there are.

    Args:
        folder: of the encoder.
        sides: those that are asked for, ``query`` and ``pin``; of others nothing is told.

    Raises:
        StudentError: if the file does not state prompts as texts by name.
    """
    path = folder / _SETTINGS
    settings = read_json(path) if path.is_file() else {}
    stated = settings.get("prompts") or {}
    texts = stated.values() if isinstance(stated, dict) else [[]]
    if not all(isinstance(text, str | None) for text in texts):
        raise StudentError(f"{path}: prompts are texts by name, given is {stated!r}.")
    prompts = {name: text for name, text in stated.items() if text}
    chosen = {side: _named_for(side, prompts) for side in _NAMES}
    default = settings.get("default_prompt_name") or ""
    if default in prompts and _side(default) is None:
        chosen = {side: name or default for side, name in chosen.items()}
    _tell(folder, prompts, chosen, sides)
    query, pin = (prompts.get(chosen[side] or "", "") for side in _NAMES)
    return query, pin


def _named_for(side: str, prompts: Mapping[str, str]) -> str | None:
    exact = [name for name in _NAMES[side] if name in prompts]
    return next(iter([*exact, *(name for name in sorted(prompts) if _side(name) == side)]), None)


def _side(name: str) -> str | None:
    """Return the side that a prompt's name says it is for."""
    words = set(re.split(r"[^a-z0-9]+", name.casefold())) - _TASKS - {""}
    found = (side for side, known in _WORDS.items() if len(words) == 1 and words <= known)
    return next(found, None)


def _tell(
    folder: Path,
    prompts: Mapping[str, str],
    chosen: Mapping[str, str | None],
    sides: Collection[str],
) -> None:
    own = {side: name if name in prompts else None for side, name in _OWN.items()}
    unused = bool(prompts) and len(sides) == len(chosen) and not any(chosen.values())
    if not unused and all(chosen[side] == own[side] for side in sides):
        return
    others = sorted(set(prompts) - set(chosen.values()))
    logger.warning(
        "%s: %s; sentence-transformers itself would put %s. Other prompts that its files state: "
        "%s. Another is taken with query_prefix and pin_prefix (--query-prefix, --pin-prefix)",
        folder,
        _described(chosen, prompts, sides),
        _described(own, prompts, sides),
        ", ".join(f"{name} ({prompts[name]!r})" for name in others) or "none",
    )


def _described(
    chosen: Mapping[str, str | None], prompts: Mapping[str, str], sides: Collection[str]
) -> str:
    named = [(side, chosen[side]) for side in sides]
    parts = [
        f"its prompt {name} ({prompts[name]!r}) before a {side}"
        if name
        else f"nothing before a {side}"
        for side, name in named
    ]
    return " and ".join(parts)
