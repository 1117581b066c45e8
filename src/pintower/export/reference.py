"""What the graphs are held to: texts, pins and judged pairs, and the student's answers in torch.

It is computed once; every form of a graph that is tried is compared with the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from tokenizers import Tokenizer

from pintower.artifacts import hash_file
from pintower.config import ExportConfig
from pintower.data.tables import JUDGMENTS, PINS, read_table
from pintower.export.distinct_gates import distinct_gate
from pintower.export.judged import JudgedPairs, draw_judgments
from pintower.export.languages import stated_languages
from pintower.export.samples import EDGE_TEXTS, token_batches
from pintower.gates import Gate
from pintower.models.calibration import Calibration
from pintower.models.pairs import number_pairs, pair_match_features
from pintower.models.pin_inputs import feature_matrix, pin_texts, spread_over_lengths
from pintower.models.query_vectors import QueryVectors
from pintower.models.student import Student
from pintower.models.tokenization import load_tokenizer
from pintower.text.rendering import render_query

__all__ = ["Reference"]


@dataclass(frozen=True)
class Reference:
    """Texts of every length, odd ones among them, and the student's answers to them.

    Attributes:
        config: sizes and seed of the samples.
        student: the torch side, fp32, with the texts that are frozen beside it.
        data: the data stage's folder; judgments and their pins are read.
        pins_of: reference of a student with the same pins, whose embeddings of judged pins are
            taken; see :meth:`shares_pins`.
    """

    config: ExportConfig
    student: Student
    data: Path
    pins_of: "Reference | None" = None

    @cached_property
    def query_tokenizer(self) -> Tokenizer:
        """The query encoder's tokenizer."""
        rendering = self.student.rendering
        return load_tokenizer(self.student.layout.query_encoder, rendering.query_max_tokens)

    @cached_property
    def pin_tokenizer(self) -> Tokenizer:
        """The pin encoder's tokenizer."""
        rendering = self.student.rendering
        return load_tokenizer(self.student.layout.pin_encoder, rendering.pin_max_tokens)

    @cached_property
    def frozen(self) -> Calibration:
        """The student's own texts, drawn when it was made."""
        return Calibration.load(self.student)

    @cached_property
    def queries(self) -> list[str]:
        """Logged queries of every length, then odd ones."""
        found = self.frozen.compared_queries.texts
        chosen = self._spread(self.query_tokenizer, self.rendered(found))
        return [found[row] for row in chosen] + list(EDGE_TEXTS)

    @property
    def logged_queries(self) -> list[str]:
        """The queries without the odd ones."""
        return self.queries[: -len(EDGE_TEXTS)]

    @cached_property
    def query_embeddings(self) -> NDArray[np.float32]:
        """Of the queries, FP32 [Q, D]."""
        return self.student.embed_queries(self.queries, self.vectors)

    @cached_property
    def vectors(self) -> QueryVectors | None:
        """Feature vectors of queries, where the query encoder takes them."""
        known = self.student.query_vectors(self.data)
        if known is None:
            return None
        compared = self.frozen.compared_queries
        return (
            known if compared.features is None else known.beside(compared.texts, compared.features)
        )

    @cached_property
    def pins(self) -> pl.DataFrame:
        """Real pins and, below them, pins that have an odd title and nothing else."""
        found = self.frozen.compared_pins
        chosen = self._spread(self.pin_tokenizer, pin_texts(found, self.student.rendering))
        return _with_odd_pins(found[chosen])

    @cached_property
    def pin_languages(self) -> list[str] | None:
        """Of the real pins; None where they are all of one, or frozen without."""
        spoken = stated_languages(self.pins[: -len(EDGE_TEXTS)])
        return None if spoken is None else spoken.to_list()

    @cached_property
    def pin_texts(self) -> list[str]:
        """The pins as the pin encoder sees them."""
        return pin_texts(self.pins, self.student.rendering)

    @cached_property
    def pin_vectors(self) -> NDArray[np.float32] | None:
        """The pins' feature vectors FP32 [P, V], where the pin encoder takes them."""
        return feature_matrix(self.pins, self.student.columns)

    @cached_property
    def pin_embeddings(self) -> NDArray[np.float32]:
        """Of the pins, FP32 [P, D]."""
        return self.student.embed_pins(self.pins)

    @cached_property
    def judged(self) -> JudgedPairs | None:
        """Judged pairs of drawn queries; None where there are none."""
        table = _judgments(self.data)
        if table.is_empty():
            return None
        table = draw_judgments(table, self.config.ranking_queries, self.config.seed)
        if table.is_empty():
            return None
        spoken, pins = stated_languages(table), read_table(self.data, PINS)
        pairs = number_pairs(table["query"].to_list(), table["pin_id"].to_list(), pins)
        known = None if self.pins_of is None else self.pins_of.judged
        return JudgedPairs(
            pairs=pairs,
            levels=table["level"].to_numpy().astype(np.int64),
            languages=None if spoken is None else spoken.to_numpy().astype(str),
            drawn=table["drawn"].to_numpy(),
            match_features=pair_match_features(pairs, self.student.statistics),
            pins=self.student.embed_pins(pairs.pins) if known is None else known.pins,
            queries=self.student.embed_queries(pairs.queries, self.vectors),
        )

    def shares_pins(self, other: "Reference") -> bool:
        """Return whether another student has the same pin encoder and scoring head."""
        return _pin_side(self.student) == _pin_side(other.student)

    def distinct_gates(self) -> list[Gate]:
        """Measure whether logged queries differ for their encoder, and real pins for theirs."""
        real = slice(None, -len(EDGE_TEXTS))
        queries, pins = self.rendered(self.logged_queries), self.pin_texts[real]
        return [
            distinct_gate("query_encoder", queries, self.query_embeddings[real]),
            distinct_gate("pin_encoder", pins, self.pin_embeddings[real]),
        ]

    def rendered(self, queries: Sequence[str]) -> list[str]:
        """Return queries as the query encoder sees them."""
        return [render_query(query, self.student.rendering) for query in queries]

    def matrix(self, queries: Sequence[str]) -> NDArray[np.float32] | None:
        """Return queries' feature vectors FP32 [N, Q], where the query encoder takes them."""
        return None if self.vectors is None else self.vectors.matrix(queries)

    def calibration(self, name: str, count: int) -> list[tuple[NDArray[Any], ...]]:
        """Return what an encoder takes of the student's frozen texts, to fix activation ranges on.

        The odd texts are among them.

        Args:
            name: ``query_encoder`` or ``pin_encoder``.
            count: frozen texts, at most.
        """
        if name == "query_encoder":
            frozen, tokenizer = self.frozen.queries, self.query_tokenizer
            odd = self.rendered(EDGE_TEXTS)
        else:
            frozen, tokenizer = self.frozen.pins, self.pin_tokenizer
            odd = pin_texts(pl.DataFrame({"title": EDGE_TEXTS}), self.student.rendering)
        features = frozen.features
        if features is not None:
            none = np.zeros((len(odd), features.shape[1]), dtype=np.float32)
            features = np.concatenate([features[:count], none])
        return token_batches(tokenizer, [*frozen.texts[:count], *odd], features)

    def _spread(self, tokenizer: Tokenizer, texts: Sequence[str]) -> NDArray[np.int64]:
        lengths = [len(encoding) for encoding in tokenizer.encode_batch_fast(list(texts))]
        return spread_over_lengths(lengths, self.config.parity_texts, self.config.seed)


def _with_odd_pins(pins: pl.DataFrame) -> pl.DataFrame:
    """Return pins and, below them, some that have an odd title and nothing else."""
    names = [f"odd-{row}" for row in range(len(EDGE_TEXTS))]
    odd = pl.DataFrame({"pin_id": names, "title": EDGE_TEXTS})
    return pl.concat([pins, odd], how="diagonal")


def _pin_side(student: Student) -> dict[str, str]:
    """Return the hashes of the weights of a pin encoder and of a scoring head."""
    layout = student.layout
    return {
        path.relative_to(layout.root).as_posix(): hash_file(path)
        for folder in (layout.pin_encoder, layout.scoring_head)
        for path in sorted(folder.rglob("*.safetensors"))
    }


def _judgments(data: Path) -> pl.DataFrame:
    if not (data / f"{JUDGMENTS}.parquet").is_file():
        return pl.DataFrame()
    return read_table(data, JUDGMENTS)
