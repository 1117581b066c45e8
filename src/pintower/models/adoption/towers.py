"""Both towers of a student folder from one encoder, and the proof that they are that encoder."""

from pathlib import Path

import numpy as np

from pintower.errors import StudentError
from pintower.models.adoption.encoder import Adopted, embedding_text
from pintower.models.embedding import embed_texts
from pintower.models.encoders import load_encoder, save_encoder
from pintower.models.first_module import limit_tokens
from pintower.models.layout import StudentLayout
from pintower.models.scoring_head import ScoringHead
from pintower.models.student import Student
from pintower.models.tokenization import load_tokenizer
from pintower.text.match_features import FEATURES, MatchStatistics
from pintower.text.rendering import Rendering

__all__ = ["largest_difference", "lay_out"]

_PROBES = (
    "red shoes",
    "Canon EF 50mm f/1.8 STM, 2-pack",
    "Émile Zola: œuvres complètes",
    "красные туфли и 红色的鞋子 و أحذية حمراء",
    "a garden bench, a lemon cake, a beach house, " * 60,
)
_ALLOWED = 1e-4
"""Largest difference of an element, for an embedding of length one."""

_TOGETHER = 1 << 40
"""Tokens of a batch that holds all probes."""


def lay_out(
    encoder: Adopted, rendering: Rendering, statistics: MatchStatistics, folder: Path
) -> Student:
    """Write both towers, the text rendering and the statistics; return them as read back.

    The student returned has a scoring head that knows nothing yet, and none is written.
    """
    layout = StudentLayout(folder)
    limit_tokens(encoder.query, rendering.query_max_tokens)
    save_encoder(encoder.query, layout.query_encoder)
    limit_tokens(encoder.pin, rendering.pin_max_tokens)
    save_encoder(encoder.pin, layout.pin_encoder)
    rendering.save(layout.text)
    statistics.save(layout.match_stats)
    return Student(
        layout=layout,
        query_encoder=load_encoder(layout.query_encoder),
        pin_encoder=load_encoder(layout.pin_encoder),
        head=ScoringHead(encoder.query.get_embedding_dimension(), FEATURES, ()),
        rendering=rendering,
        statistics=statistics,
    )


def largest_difference(encoder: Adopted, student: Student) -> float:
    """Return how far an element of the towers' embeddings is from sentence-transformers' own.

    The towers are driven as they will be served, by the token ids and the mask of the folder's
    ``tokenizer.json`` alone; sentence-transformers may give a model more than that.

    Args:
        encoder: as it was adopted.
        student: made of it by :func:`lay_out`.

    Returns:
        The largest difference over texts of several scripts and lengths, divided by the longest
        embedding.

    Raises:
        StudentError: if it is larger than 1e-4, if an embedding depends by more than that on the
            padding beside a text, or if the encoder cannot embed text at all.
    """
    rules, layout = student.rendering, student.layout
    sides = (
        (encoder.query, student.query_encoder, layout.query_encoder, rules.query_prefix,
         rules.query_max_tokens),
        (encoder.pin, student.pin_encoder, layout.pin_encoder, rules.pin_prefix,
         rules.pin_max_tokens),
    )  # fmt: skip
    differences = []
    for own, tower, folder, prefix, tokens in sides:
        texts = [prefix + probe for probe in _PROBES]
        tokenizer = load_tokenizer(folder, tokens)
        limit_tokens(own, tokens)
        with embedding_text():
            # One by one: what the library makes of a batch depends on the side that it pads.
            wanted = own.encode(texts, prompt="", batch_size=1, show_progress_bar=False)
            given = embed_texts(tower, tokenizer, texts, batch_tokens=_TOGETHER, shown=False)
            alone = embed_texts(tower, tokenizer, texts, batch_tokens=1, shown=False)
        length = float(np.linalg.norm(wanted, axis=1).max())
        differences.append(float(np.abs(given - wanted).max()) / length)
        padding = float(np.abs(given - alone).max()) / length
        if not padding <= _ALLOWED:
            raise StudentError(
                f"The encoder cannot be served: a text's embedding moves by {padding:.2g} with the "
                f"padding beside it, at most {_ALLOWED:g} is allowed. Its layers look at places "
                "that the mask leaves out, or mix texts of a batch. Not supported."
            )
    if not max(differences) <= _ALLOWED:
        raise StudentError(
            "The encoder cannot be served as it is: from token ids and mask alone its embeddings "
            f"are {max(differences):.2g} away from those that sentence-transformers gives, at most "
            f"{_ALLOWED:g} is allowed. Its tokenizer or its model takes more than that (token "
            "types, another truncation, code of its own)."
        )
    return max(differences)
