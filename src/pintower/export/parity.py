"""The parity gates: the built graphs against the student in torch, on texts from the data."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from tokenizers import Tokenizer

from pintower.config import ExportConfig
from pintower.contracts import Contract
from pintower.export.encoder_gates import encoder_gates
from pintower.export.samples import EDGE_TEXTS, sample_pins, sample_queries, spread_over_lengths
from pintower.export.scorer_gates import scorer_gates
from pintower.gates import Gate
from pintower.models.onnx_session import GraphEncoder, GraphScorer, open_built_graph
from pintower.models.pin_inputs import feature_matrix, pin_texts
from pintower.models.student import Student
from pintower.models.tokenization import load_tokenizer
from pintower.text.rendering import Rendering, render_query

__all__ = ["parity_gates"]

_SCORED_QUERIES = 50


def parity_gates(
    config: ExportConfig, student: Student, contract: Contract, data: Path, folder: Path
) -> list[Gate]:
    """Compare the three graphs of an export folder with the student they were made from.

    Args:
        config: size and seed of the sample.
        student: the torch side, fp32.
        contract: of the graphs.
        data: the data stage's folder; its query log and pins give the texts.
        folder: where the graphs lie.
    """
    rendering, layout, limits = student.rendering, student.layout, contract.target.limits

    tokenizer = load_tokenizer(layout.query_encoder, rendering.query_max_tokens)
    queries = _choose_queries(config, data, tokenizer, rendering)
    query_embeddings = student.embed_queries(queries)
    gates = encoder_gates(
        contract.graphs["query_encoder"],
        GraphEncoder(open_built_graph(folder, contract, "query_encoder"), tokenizer),
        [render_query(query, rendering) for query in queries],
        None,
        query_embeddings,
        limits,
    )

    tokenizer = load_tokenizer(layout.pin_encoder, rendering.pin_max_tokens)
    pins = _choose_pins(config, data, tokenizer, rendering)
    pin_embeddings = student.embed_pins(pins)
    gates += encoder_gates(
        contract.graphs["pin_encoder"],
        GraphEncoder(open_built_graph(folder, contract, "pin_encoder"), tokenizer),
        pin_texts(pins, rendering),
        feature_matrix(pins, student.columns),
        pin_embeddings,
        limits,
    )

    scorer = GraphScorer(open_built_graph(folder, contract, "scorer"))
    scored = slice(max(0, len(queries) - _SCORED_QUERIES), None)
    embeddings = (query_embeddings[scored], pin_embeddings)
    gates += scorer_gates(student, scorer, queries[scored], pins, embeddings, limits)
    return gates


def _choose_queries(
    config: ExportConfig, data: Path, tokenizer: Tokenizer, rendering: Rendering
) -> list[str]:
    found = sample_queries(data, config.parity_texts, config.seed)
    lengths = _lengths(tokenizer, [render_query(query, rendering) for query in found])
    chosen = spread_over_lengths(lengths, config.parity_texts, config.seed)
    return [found[row] for row in chosen] + list(EDGE_TEXTS)


def _choose_pins(
    config: ExportConfig, data: Path, tokenizer: Tokenizer, rendering: Rendering
) -> pl.DataFrame:
    """Return real pins and, below them, pins that have an odd title and nothing else."""
    found = sample_pins(data, config.parity_texts, config.seed)
    lengths = _lengths(tokenizer, pin_texts(found, rendering))
    chosen = found[spread_over_lengths(lengths, config.parity_texts, config.seed)]
    odd = pl.DataFrame(
        {"pin_id": [f"odd-{row}" for row in range(len(EDGE_TEXTS))], "title": EDGE_TEXTS}
    )
    return pl.concat([chosen, odd], how="diagonal")


def _lengths(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    return [len(encoding) for encoding in tokenizer.encode_batch_fast(list(texts))]
