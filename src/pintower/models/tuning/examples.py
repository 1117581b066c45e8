"""What a student learns from: human levels, and the teacher's soft labels where there are any."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch.nn.functional import one_hot

from pintower.data.splits import normal_forms
from pintower.data.tables import JUDGMENTS, PINS, read_table
from pintower.models.encoders import feature_columns
from pintower.models.pairs import number_pairs, pair_match_features
from pintower.models.pin_inputs import feature_matrix, pin_texts
from pintower.models.scoring_head import LEVELS
from pintower.models.student import Student
from pintower.models.tokenization import load_tokenizer
from pintower.models.towers import Texts
from pintower.models.tuning.learner import Examples, Inputs
from pintower.text.rendering import render_query

__all__ = ["FEW_FOLDS", "FOLDS", "folds_of", "read_examples"]

_PROBABILITIES = [f"p{level}" for level in range(1, LEVELS + 1)]
_LEARNED = ("train", "validation")
_ENOUGH = 100
"""Held-out queries that tell candidates apart."""
FOLDS, FEW_FOLDS = 3, 2
"""Where judged queries are held out in turn: few of them where soft labels make training long."""


def read_examples(
    student: Student, inputs: Mapping[str, Path], seed: int, *, pin_tokens: int | None = None
) -> Examples:
    """Return the judgments that are not held out for the test, then the soft labels.

    Args:
        student: its folder holds tokenizers, rendering and statistics.
        inputs: ``data`` and, where a teacher has labelled, ``labels``.
        seed: for the folds.
        pin_tokens: of a pin that training reads, at most; None reads as many as are served.
    """
    judgments = read_table(inputs["data"], JUDGMENTS)
    human = judgments.filter(pl.col("split").is_in(_LEARNED))
    soft = _read_labels(inputs.get("labels"))
    both = pl.concat([table.select("query", "pin_id") for table in (human, soft)])
    pins = read_table(inputs["data"], PINS)
    pairs = number_pairs(both["query"].to_list(), both["pin_id"].to_list(), pins)
    levels = torch.from_numpy(human["level"].to_numpy().astype(np.int64))
    known = student.query_vectors(inputs["data"])
    of_queries = None if known is None else known.matrix(pairs.queries)
    of_pins = feature_matrix(pairs.pins, feature_columns(student.pin_encoder))
    rules, layout = student.rendering, student.layout
    texts, limit = pin_texts(pairs.pins, rules), rules.pin_max_tokens
    trained = limit if pin_tokens is None else min(limit, pin_tokens)
    return Examples(
        inputs=Inputs(
            pairs=pairs,
            queries=Texts(
                load_tokenizer(layout.query_encoder, rules.query_max_tokens),
                [render_query(query, rules) for query in pairs.queries],
            ),
            pins=Texts(load_tokenizer(layout.pin_encoder, limit), texts),
            trained_pins=Texts(load_tokenizer(layout.pin_encoder, trained), texts),
            query_vectors=None if of_queries is None else torch.from_numpy(of_queries),
            pin_vectors=None if of_pins is None else torch.from_numpy(of_pins),
            matches=torch.from_numpy(pair_match_features(pairs, student.statistics)),
        ),
        targets=torch.cat(
            [
                one_hot(levels - 1, LEVELS).float(),
                torch.from_numpy(soft.select(_PROBABILITIES).to_numpy().astype(np.float32)),
            ]
        ),
        human=np.arange(len(both)) < len(human),
        fold=folds_of(both["query"], human, seed, count=FOLDS if soft.is_empty() else FEW_FOLDS),
    )


def folds_of(
    queries: pl.Series, judgments: pl.DataFrame, seed: int, *, count: int
) -> NDArray[np.int64]:
    """Return the fold INT64 [N] that the query of each pair is held out in; -1 for none.

    The validation split is the one fold where it has queries enough to tell candidates apart. Else
    all judged queries are held out in turn.

    Args:
        queries: of N pairs.
        judgments: ``query`` and ``split``.
        seed: for the folds.
        count: folds, where the validation split has fewer than 100 queries.
    """
    forms = normal_forms(queries.unique())
    judged = judgments.select("query", "split").unique(maintain_order=True)
    held = {forms[q] for q, split in judged.iter_rows() if split == "validation"}
    if len(held) >= _ENOUGH:
        fold = dict.fromkeys(sorted(held), 0)
    else:
        names = sorted({forms[query] for query in judged["query"]})
        numbers = np.random.default_rng(seed).permutation(len(names)) % count
        fold = dict(zip(names, numbers.tolist(), strict=True))
    return np.array([fold.get(forms[query], -1) for query in queries], dtype=np.int64)


def _read_labels(folder: Path | None) -> pl.DataFrame:
    shards = sorted(folder.glob("labels-*.parquet")) if folder else []
    if shards:
        return pl.concat([pl.read_parquet(shard, glob=False) for shard in shards])
    floats = dict.fromkeys(_PROBABILITIES, pl.Float32)
    return pl.DataFrame(schema={"query": pl.String, "pin_id": pl.String, **floats})
