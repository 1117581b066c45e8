"""The gates on what becomes of a query's text: the encoder's own library decides what is right."""

import copy
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tokenizers import Tokenizer

from pintower.gates import Gate, gate
from pintower.models.probes import PROBES
from pintower.models.student import Student
from pintower.models.tokenization import load_tokenizer, open_tokenizer
from pintower.models.vocabulary import largest_id, table_rows
from pintower.text.rendering import decode, normalize_query, render_query

__all__ = ["rendering_gate", "tokenizer_gate", "vocabulary_gates"]

logger = logging.getLogger(__name__)

_WORST_SHOWN = 3
_MANY = 0.01
"""Share of real queries rendered otherwise than typed that is warned of."""
_WRITINGS: tuple[Callable[[str], str], ...] = (str, str.lower, str.upper, str.title)


def tokenizer_gate(path: Path, student: Student) -> Gate:
    """Compare the token ids that are served with what transformers makes of the text as typed.

    The rendering may clean a text: control characters and runs of blanks become one blank, and
    compatibility forms the usual ones where it says so. It may not fold case that the tokenizer
    tells apart, in added tokens above all; but a student that was distilled here learned from its
    own rendering, and is held to that.

    Transformers is told to read a special token's name in a text as text, as the exported one does;
    in the prefix it is a token.

    Args:
        path: of ``tokenizer.json``.
        student: whose query encoder's tokenizer counts.
    """
    rules = student.rendering
    ours = Tokenizer.from_file(str(path))  # with the length that the file states
    ours.encode_special_tokens = True
    theirs = _own_ids(student)
    own = rules if student.layout.distilled() else replace(rules, lowercase=False)
    texts = {name: decode(raw) for name, raw in PROBES.items()} | _added(ours)
    differing: dict[str, str] = {}
    otherwise = []

    def compare(name: str, given: list[int], wanted: list[int]) -> None:
        if given != wanted:
            differing[name] = f"exported {given[:12]}, Hugging Face {wanted[:12]}"

    alone = rules.query_prefix
    compare("prefix", ours.encode(alone).ids, _own_ids(student, split=False)(alone))
    for name, text in texts.items():
        given = ours.encode(render_query(text, rules)).ids
        compare(name, given, theirs(own.query_prefix + normalize_query(text, own)))
        if given != theirs(rules.query_prefix + text):
            otherwise.append(name)
    detail = {
        "queries": len(texts) + 1,
        "max_tokens": rules.query_max_tokens,
        **dict(list(differing.items())[:_WORST_SHOWN]),
        "cleaned": ", ".join(otherwise),
    }
    return gate("query_encoder.tokenizer", len(differing), 0, unit="queries", detail=detail)


def rendering_gate(path: Path, student: Student, queries: Sequence[str]) -> Gate:
    """Tell the share of real queries that are served as other tokens than they have as typed.

    Args:
        path: of ``tokenizer.json``.
        student: whose query encoder's tokenizer and rendering count.
        queries: as users typed them.
    """
    rules = student.rendering
    ours, theirs = open_tokenizer(path, rules.query_max_tokens), _own_ids(student)
    changed = [
        query
        for query in queries
        if ours.encode(render_query(query, rules)).ids != theirs(rules.query_prefix + query)
    ]
    share = len(changed) / max(1, len(queries))
    if share > _MANY and not student.layout.distilled():
        logger.warning(
            "%.1f %% of %d logged queries are other tokens as they are rendered than as they were "
            "typed (blanks and control characters cleaned, compatibility forms or case folded), "
            "such as %r; text.json says what is folded",
            100 * share, len(queries), changed[0],
        )  # fmt: skip
    detail = {"queries": len(queries), "such as": changed[:_WORST_SHOWN]}
    return gate("query_encoder.rendering", share, detail=detail)


def vocabulary_gates(path: Path, student: Student) -> list[Gate]:
    """Compare the largest id that a text can become with the rows of each embedding table.

    Args:
        path: of the query side's ``tokenizer.json``.
        student: whose encoders hold the tables.
    """
    limit = student.rendering.pin_max_tokens
    tokenizers = {
        "query_encoder": open_tokenizer(path, student.rendering.query_max_tokens),
        "pin_encoder": load_tokenizer(student.layout.pin_encoder, limit),
    }
    return [
        gate(
            f"{name}.vocabulary",
            largest_id(tokenizer),
            table_rows(getattr(student, name)) - 1,
            unit="largest id",
        )
        for name, tokenizer in tokenizers.items()
    ]


def _added(tokenizer: Tokenizer) -> dict[str, str]:
    """Return texts with the tokens that were added to a tokenizer, in several writings."""
    added = [token for token in tokenizer.get_added_tokens_decoder().values() if not token.special]
    written = {change(token.content) for token in added for change in _WRITINGS}
    return {f"added {word!r}": f"red {word} case" for word in sorted(written)}


def _own_ids(student: Student, *, split: bool = True) -> Callable[[str], list[int]]:
    """Return what turns a text into token ids as the query encoder's own library does.

    Args:
        student: whose query encoder's tokenizer counts.
        split: read special tokens' names as text.
    """
    # Each call changes settings of the tokenizer it is made on.
    theirs = copy.deepcopy(student.query_encoder[0].tokenizer)
    length = student.rendering.query_max_tokens
    if isinstance(theirs, Tokenizer):
        theirs.enable_truncation(length)
        theirs.encode_special_tokens = split
        return lambda text: list(theirs.encode(text, add_special_tokens=False).ids)
    return lambda text: list(
        theirs(text, truncation=True, max_length=length, split_special_tokens=split)["input_ids"]
    )
