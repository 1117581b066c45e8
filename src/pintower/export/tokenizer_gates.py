"""The gate on the exported tokenizer: Hugging Face's own token ids, on odd text above all."""

import copy
from collections.abc import Callable
from pathlib import Path

from tokenizers import Tokenizer

from pintower.gates import Gate, gate
from pintower.models.probes import PROBES
from pintower.models.student import Student
from pintower.text.rendering import decode, render_query

__all__ = ["tokenizer_gate"]

_WORST_SHOWN = 3


def tokenizer_gate(path: Path, student: Student) -> Gate:
    """Compare an exported tokenizer with the student's, as transformers runs it.

    Transformers is told to read a special token's name in a text as text, as the exported one does.

    Args:
        path: of ``tokenizer.json``.
        student: whose query encoder's tokenizer counts.
    """
    ours = Tokenizer.from_file(str(path))
    theirs = _own_ids(student)
    length = student.rendering.query_max_tokens
    differing: dict[str, str] = {}
    for name, raw in PROBES.items():
        text = render_query(decode(raw), student.rendering)
        wanted, given = theirs(text), ours.encode(text).ids
        if given != wanted:
            differing[name] = f"exported {given[:12]}, Hugging Face {wanted[:12]}"
    shown = dict(list(differing.items())[:_WORST_SHOWN])
    detail = {"queries": len(PROBES), "max_tokens": length} | shown
    return gate("query_encoder.tokenizer", len(differing), 0, unit="queries", detail=detail)


def _own_ids(student: Student) -> Callable[[str], list[int]]:
    """Return what turns a text into token ids as the query encoder's own library does."""
    length = student.rendering.query_max_tokens
    # Each call changes settings of the tokenizer it is made on.
    theirs = copy.deepcopy(student.query_encoder[0].tokenizer)
    if isinstance(theirs, Tokenizer):
        theirs.enable_truncation(length)
        theirs.encode_special_tokens = True
        return lambda text: list(theirs.encode(text, add_special_tokens=False).ids)
    return lambda text: list(
        theirs(text, truncation=True, max_length=length, split_special_tokens=True)["input_ids"]
    )
