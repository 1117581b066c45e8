"""The data stage: a dataset folder in, the tables of every later stage out."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from pintower.artifacts import write_json
from pintower.config import DataConfig
from pintower.data.calibration import write_calibration
from pintower.data.engagement import NO_ENGAGEMENT, derive_engaged_queries
from pintower.data.reader import Dataset, read_dataset
from pintower.data.splits import held_out_queries, normal_forms, split_judgments
from pintower.data.synthetic import generate
from pintower.data.tables import (
    DATASET,
    IMPRESSIONS,
    JUDGMENTS,
    MATCH_STATISTICS,
    PINS,
    QUERIES,
    QUERY_LOG,
    SPLITS,
    TEXT_COLUMNS,
    empty,
)
from pintower.data.vectors import vector_widths
from pintower.progress import track
from pintower.text.match_features import fit_statistics

__all__ = ["run"]

_log = logging.getLogger(__name__)


def run(config: DataConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Write the tables, the match statistics, ``calibration/`` and ``dataset.json``.

    The last says what later stages must know of the data: name, public layout, whether it was
    generated, the table that the query log was taken from, levels, feature columns and sizes.

    Args:
        config: where the data comes from and how it is split.
        inputs: unused, the data stage is the first.
        folder: where to write.

    Returns:
        Rows of each table, and queries of each split.

    Raises:
        DatasetError: if the dataset folder cannot be used.
    """
    dataset = _load(config, folder)
    judgments = split_judgments(
        dataset.judgments,
        seed=config.seed,
        validation_share=config.validation_share,
        test_share=config.test_share,
    )
    _tell_judgments(judgments)
    pins = dataset.pins
    if _needs_engaged_queries(dataset):
        _log.info("deriving engaged queries from the impressions of training queries")
        pins = derive_engaged_queries(pins, dataset.impressions, held_out_queries(judgments))
    log, source = _query_log(dataset)
    tables = {
        PINS: pins,
        JUDGMENTS: judgments,
        IMPRESSIONS: dataset.impressions,
        QUERY_LOG: log,
    }
    if not dataset.queries.is_empty():
        tables[QUERIES] = dataset.queries
        _tell_vectors(dataset)
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")
    write_calibration(folder, pins, judgments, log, dataset.queries)
    text = pins.select(TEXT_COLUMNS).iter_rows(named=True)
    rows = track(text, "Counting terms", total=len(pins), unit="pins")
    fit_statistics(rows).save(folder / MATCH_STATISTICS)
    info = {
        "name": _name(config),
        "layout": dataset.layout,
        "generated": config.path is None,
        "log": source,
        **_describe(tables),
    }
    write_json(folder / DATASET, info)
    queries = {f"{split}_queries": count for split, count in info["judged_queries"].items()}
    told = {key: info[key] for key in ("name", "layout", *tables) if info[key] is not None}
    return told | queries


def _name(config: DataConfig) -> str:
    if config.name is not None:
        return config.name
    return config.path.resolve().name if config.path else "synthetic"


def _load(config: DataConfig, folder: Path) -> Dataset:
    """Read the user's folder; without one, generate the synthetic catalogue and read that."""
    if config.path is not None:
        return _read(config, config.path)
    generated = folder / ".synthetic"
    shutil.rmtree(generated, ignore_errors=True)
    generated.mkdir()
    generate(config, generated)
    dataset = _read(config, generated)
    shutil.rmtree(generated)
    return dataset


def _read(config: DataConfig, path: Path) -> Dataset:
    return read_dataset(
        path,
        feature_columns=config.feature_columns,
        judgments_required=config.judgments_required,
        seed=config.seed,
    )


def _needs_engaged_queries(dataset: Dataset) -> bool:
    kinds = dataset.impressions["engagement"].drop_nulls().unique()
    engaged = any(kind != NO_ENGAGEMENT for kind in kinds)
    return engaged and not dataset.pins["engaged_queries"].list.len().sum()


def _tell_judgments(judgments: pl.DataFrame) -> None:
    """Warn of judgments from which little can be learned or measured."""
    queries = len(set(normal_forms(judgments["query"].unique()).values()))
    levels = judgments["level"].unique()
    most = judgments.group_by("query").agg(pl.col("level").n_unique())["level"].max()
    if 0 < queries < len(SPLITS):
        _log.warning(
            "%d judged %s: too few for %s. Quality on queries that the student was not trained on "
            "cannot be measured; judge more queries",
            queries, "query" if queries == 1 else "queries", ", ".join(SPLITS),
        )  # fmt: skip
    if len(levels) == 1:
        _log.warning(
            "all %d judgments are of level %d: nothing can be learned from them, and every order "
            "of pins measures the same. Judge pins of other levels too",
            len(judgments), levels[0],
        )  # fmt: skip
    elif most == 1:
        _log.warning(
            "no query has judged pins of two levels: every order of its pins measures the same, so "
            "no ranking can be measured. Judge several pins of a query"
        )


def _tell_vectors(dataset: Dataset) -> None:
    """Say how many of the judged queries have feature vectors; zeros stand for the others."""
    judged = set(normal_forms(dataset.judgments["query"].unique()).values())
    known = judged & set(normal_forms(dataset.queries["query"]).values())
    _log.info("%d of %d judged queries have feature vectors", len(known), len(judged))


def _query_log(dataset: Dataset) -> tuple[pl.DataFrame, str]:
    """Return the query log, or the best stand-in for one, and the table it was taken from."""
    if not dataset.query_log.is_empty():
        return dataset.query_log, QUERY_LOG
    columns = ["query", "timestamp"]
    if not dataset.impressions.is_empty():
        _log.info("no query log: taking the queries of the impressions, in the order of time")
        # One request shows many pins: the rows of one query at one second are one request. Rows
        # without a time may all be of one request, so they count as one.
        requests = dataset.impressions.select(columns).unique(maintain_order=True)
        return requests.sort("timestamp", maintain_order=True, nulls_last=True), IMPRESSIONS
    queries, source = dataset.judgments["query"].unique(maintain_order=True), JUDGMENTS
    if queries.is_empty():
        _log.info("no query anywhere: engaged queries and titles of the pins stand in for a log")
        engaged = dataset.pins["engaged_queries"].explode(empty_as_null=False)
        titles = dataset.pins["title"].filter(dataset.pins["title"] != "")
        queries = pl.concat([engaged, titles]).unique(maintain_order=True).rename("query")
        source = PINS
    else:
        _log.info("no query log and no impressions: taking the judged queries")
    times = pl.Series("timestamp", [None] * len(queries), dtype=pl.Int64())
    return pl.DataFrame([queries, times]), source


def _describe(tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    judgments = tables[JUDGMENTS]
    columns = {
        key: [{"name": name, "width": width} for name, width in widths.items()]
        for key, widths in (
            ("feature_columns", vector_widths(tables[PINS])),
            ("query_feature_columns", vector_widths(tables.get(QUERIES, empty(QUERIES)), QUERIES)),
        )
    }
    return {
        "levels": judgments["level"].unique().sort().to_list(),
        **columns,
        **{table: len(frame) for table, frame in tables.items()},
        "judged_queries": {
            split: judgments.filter(pl.col("split") == split)["query"].n_unique()
            for split in SPLITS
        },
    }
