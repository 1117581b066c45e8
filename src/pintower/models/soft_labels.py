"""The teacher's soft labels and the human levels beside them, as examples to learn from."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import torch

from pintower.config import StudentConfig
from pintower.data.tables import JUDGMENTS, PINS, read_table
from pintower.errors import DatasetError
from pintower.models.distillation import Examples
from pintower.models.pairs import number_pairs, pair_match_features
from pintower.models.scoring_head import LEVELS
from pintower.text.match_features import MatchStatistics

__all__ = ["read_examples"]

_PROBABILITIES = [f"p{level}" for level in range(1, LEVELS + 1)]


def read_examples(
    config: StudentConfig,
    inputs: Mapping[str, Path],
    statistics: MatchStatistics,
    device: torch.device,
) -> Examples:
    """Return the soft labels and, ``human_share`` as many, human training judgments.

    Args:
        config: share and seed.
        inputs: ``data`` and ``labels``.
        statistics: for the match features.
        device: where match features and targets are wanted.

    Raises:
        DatasetError: if there are no labels.
    """
    labels = _read_labels(inputs["labels"])
    judgments = read_table(inputs["data"], JUDGMENTS).filter(pl.col("split") == "train")
    wanted = round(config.human_share * len(labels)) if len(judgments) else 0
    random = np.random.default_rng(config.seed)
    rounds = -(-wanted // max(1, len(judgments)))
    rows = [random.permutation(len(judgments)) for _ in range(rounds)]
    human = judgments[np.concatenate(rows)[:wanted]] if rows else judgments.clear()
    levels = torch.from_numpy(human["level"].to_numpy().astype(np.int64))
    both = pl.concat([table.select("query", "pin_id") for table in (labels, human)])
    queries, pin_ids = both["query"].to_list(), both["pin_id"].to_list()
    pairs = number_pairs(queries, pin_ids, read_table(inputs["data"], PINS))
    soft = torch.from_numpy(labels.select(_PROBABILITIES).to_numpy().copy())
    hard = torch.nn.functional.one_hot(levels - 1, LEVELS).float()
    return Examples(
        pairs=pairs,
        match_features=torch.from_numpy(pair_match_features(pairs, statistics)).to(device),
        targets=torch.cat([soft, hard]).to(device),
    )


def _read_labels(folder: Path) -> pl.DataFrame:
    shards = sorted(folder.glob("labels-*.parquet"))
    labels = (
        pl.concat([pl.read_parquet(shard, glob=False) for shard in shards])
        if shards
        else pl.DataFrame()
    )
    if labels.is_empty():
        raise DatasetError(f"{folder} holds no labels; run the labels stage first.")
    return labels
