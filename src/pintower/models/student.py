"""The student folder: what training writes, and what a user with a student of their own brings.

query_encoder/     sentence-transformers folder
pin_encoder/       sentence-transformers folder
scoring_head/      config.json, model.safetensors
narrower_heads/    <width>/ of each narrower width, as scoring_head/
text.json          text rendering
match_stats/       corpus statistics of the match features
calibration/       what the graphs are calibrated and compared on
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from pintower.errors import StudentError
from pintower.models.embedding import embed_texts
from pintower.models.encoders import feature_columns, load_encoder
from pintower.models.layout import StudentLayout, space_id
from pintower.models.pin_inputs import feature_matrix, pin_texts
from pintower.models.prefixes import require_room
from pintower.models.query_vectors import QueryVectors
from pintower.models.scoring_head import ScoringHead
from pintower.models.tokenization import load_tokenizer
from pintower.models.vocabulary import require_rows, table_rows
from pintower.text.match_features import FEATURES, MatchStatistics
from pintower.text.rendering import Rendering, render_query

__all__ = ["Student", "StudentLayout", "load_student", "space_id"]


@dataclass(frozen=True)
class Student:
    """A loaded student, in torch, on the CPU."""

    layout: StudentLayout
    query_encoder: SentenceTransformer
    pin_encoder: SentenceTransformer
    head: ScoringHead
    rendering: Rendering
    statistics: MatchStatistics

    @property
    def columns(self) -> list[dict[str, Any]]:
        """Name and width of the feature vectors the pin encoder takes."""
        return feature_columns(self.pin_encoder)

    @property
    def query_columns(self) -> list[dict[str, Any]]:
        """Name and width of the feature vectors the query encoder takes."""
        return feature_columns(self.query_encoder)

    def query_vectors(self, data: Path | None) -> QueryVectors | None:
        """Return the queries' feature vectors that a data folder has, if the encoder takes any."""
        return QueryVectors.load(data, self.query_columns)

    def embed_queries(
        self, queries: Sequence[str], vectors: QueryVectors | None = None
    ) -> NDArray[np.float32]:
        """Return the queries' embeddings FP32 [N, D].

        Args:
            queries: N, as users typed them.
            vectors: of an encoder that takes any; see :meth:`query_vectors`.
        """
        tokenizer = load_tokenizer(self.layout.query_encoder, self.rendering.query_max_tokens)
        texts = [render_query(query, self.rendering) for query in queries]
        extra = None if vectors is None else vectors.matrix(queries)
        return embed_texts(self.query_encoder, tokenizer, texts, extra)

    def embed_pins(self, pins: pl.DataFrame) -> NDArray[np.float32]:
        """Return the embeddings FP32 [N, D] of rows of the pins table."""
        tokenizer = load_tokenizer(self.layout.pin_encoder, self.rendering.pin_max_tokens)
        vectors = feature_matrix(pins, self.columns)
        texts = pin_texts(pins, self.rendering)
        return embed_texts(self.pin_encoder, tokenizer, texts, vectors)

    @torch.inference_mode()
    def score(
        self,
        queries: NDArray[np.float32],
        pins: NDArray[np.float32],
        match_features: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return level probabilities FP32 [N, 5] of N pairs, given row by row."""
        inputs = (torch.from_numpy(part) for part in (queries, pins, match_features))
        probabilities: NDArray[np.float32] = torch.softmax(self.head(*inputs), dim=1).numpy()
        return probabilities


def load_student(folder: Path) -> Student:
    """Load a student folder.

    Raises:
        StudentError: if a part is missing or the parts do not fit together.
    """
    layout = StudentLayout(folder)
    layout.require()
    head = ScoringHead.load(layout.scoring_head)
    student = Student(
        layout=layout,
        query_encoder=load_encoder(layout.query_encoder),
        pin_encoder=load_encoder(layout.pin_encoder),
        head=head,
        rendering=layout.load_rendering(),
        statistics=layout.load_statistics(),
    )
    if head.match_features != FEATURES:
        raise StudentError(
            f"{layout.scoring_head} takes match features {list(head.match_features)}; this "
            f"version computes {list(FEATURES)}."
        )
    for name in ("query_encoder", "pin_encoder"):
        tower, side = getattr(layout, name), name.removesuffix("_encoder")
        prefix, limit = student.rendering.of(side)
        tokenizer = load_tokenizer(tower, limit)
        require_rows(tokenizer, table_rows(getattr(student, name)), tower)
        require_room(tokenizer, prefix, limit, side)
        width = getattr(student, name).get_embedding_dimension()
        if width != head.width:
            raise StudentError(
                f"{folder}: the {name} gives width {width}, the scoring head takes {head.width}."
            )
    return student
