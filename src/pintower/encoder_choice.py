"""The encoder that knows a dataset's languages, where the recipe leaves that open (``auto``).

It is chosen once, when the data is there and before anything is trained, by the texts themselves:
where many of the queries or pins are in another language than English, a multilingual encoder is
taken. Its name then stands in the recipe's sections as if it had been given, so it is part of the
stages' keys. It is twice as deep, and takes about twice as long, so English texts do without.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pintower.config import Recipe
from pintower.data.tables import JUDGMENTS, PINS, QUERY_LOG, read_table
from pintower.errors import StudentError
from pintower.models.backbones import find_backbone
from pintower.models.pin_inputs import pin_texts
from pintower.models.split_words import ForeignTexts, foreign_texts
from pintower.models.tokenization import load_tokenizer
from pintower.text.rendering import Rendering

__all__ = ["ENGLISH", "MULTILINGUAL", "EncoderChoice", "choose_encoder", "settled"]

logger = logging.getLogger(__name__)

ENGLISH = "all-MiniLM-L6-v2"
MULTILINGUAL = "intfloat/multilingual-e5-small"

_CONSIDERABLE = 0.2
"""Share of queries or pins in other languages from which on English does not do; of product
searches and titles in English, up to 0.1 look foreign."""
_LOOKED_AT = 2_000
_TOKENS, _CHARACTERS = 128, 1_024
"""Of a pin, that are looked at."""
_SEED = 7


@dataclass(frozen=True)
class EncoderChoice:
    """An encoder.

    Attributes:
        encoder: its name.
        reason: a clause that says why it.
        remedy: what it costs and what to do, where another one was wanted; else empty.
    """

    encoder: str
    reason: str
    remedy: str = ""


def settled(recipe: Recipe, data: Path) -> Recipe:
    """Return a recipe in which an encoder is named wherever ``auto`` stood; say which and why.

    Args:
        recipe: returned as it is, where nothing is open.
        data: the data stage's folder.

    Raises:
        StudentError: if the English encoder, whose vocabulary tells, cannot be found.
    """
    if not (open_keys := recipe.open_encoders()):
        return recipe
    choice = choose_encoder(data)
    logger.info("encoder: %s, as %s", choice.encoder, choice.reason)
    if choice.remedy:
        logger.warning("%s", choice.remedy)
    changed: dict[str, Any] = {"encoder": choice.encoder}
    for section, keys in open_keys.items():
        named = dict.fromkeys(keys, choice.encoder)
        changed[section] = getattr(recipe, section).model_copy(update=named)
    return recipe.model_copy(update=changed)


def choose_encoder(data: Path) -> EncoderChoice:
    """Return the encoder for the languages of a data folder's queries and pins.

    Raises:
        StudentError: if the English encoder cannot be found.
    """
    tokenizer = load_tokenizer(find_backbone(ENGLISH), _TOKENS)
    found = {
        kind: foreign_texts(tokenizer, texts["text"].to_list(), texts["language"].to_list())
        for kind, texts in (("queries", _queries(data)), ("pins", _pins(data)))
    }
    told = " and ".join(f"{one.share:.0%} of the {kind}" for kind, one in found.items())
    reason = f"{told} are in other languages than English{_by_language(found)}"
    if max(one.share for one in found.values()) < _CONSIDERABLE:
        return EncoderChoice(ENGLISH, reason)
    try:
        find_backbone(MULTILINGUAL)
    except StudentError as error:
        return EncoderChoice(
            ENGLISH,
            f"{MULTILINGUAL} cannot be had, though {reason}",
            f"{error} The English encoder {ENGLISH} is taken instead. It tells texts in other "
            "languages apart badly or not at all, so the student ranks them little better than "
            f"their words do (BM25). Run again where the hub can be reached; or download "
            f"{MULTILINGUAL} and give its folder: --set encoder=FOLDER.",
        )
    return EncoderChoice(MULTILINGUAL, reason)


def _queries(data: Path) -> pl.DataFrame:
    """Return ``text`` and ``language`` of some queries, judged and logged ones."""
    judged = read_table(data, JUDGMENTS).select(text="query", language="language")
    logged = read_table(data, QUERY_LOG).select(text="query", language=pl.lit(None, pl.String))
    both = pl.concat([judged, logged])
    return _some(both.unique("text", keep="first", maintain_order=True), "text")


def _pins(data: Path) -> pl.DataFrame:
    """Return ``text`` and ``language`` of some pins."""
    drawn = _some(read_table(data, PINS), "pin_id")
    rules = Rendering(pin_max_tokens=_TOKENS, source_max_chars=_CHARACTERS)
    return pl.DataFrame(
        {"text": pin_texts(drawn, rules), "language": drawn["language"]},
        schema={"text": pl.String, "language": pl.String},
    )


def _some(table: pl.DataFrame, key: str) -> pl.DataFrame:
    return table.sort(key).sample(min(_LOOKED_AT, len(table)), seed=_SEED)


def _by_language(found: Mapping[str, ForeignTexts]) -> str:
    """Say, of the languages stated, how much of their words English lacks."""
    worst: dict[str, float] = {}
    for one in found.values():
        for language, share in one.languages.items():
            worst[language] = max(share, worst.get(language, 0.0))
    parts = [f"{language} {share:.0%}" for language, share in sorted(worst.items())]
    return f" (words of each that its vocabulary lacks: {', '.join(parts)})" if parts else ""
