"""The teacher labels a sample of the search log: five probabilities a pair, in shards.

The sample follows from the seed alone and a shard is whole or absent, so that a killed run, started
again, keeps the shards it finds and ends with the same bytes.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pintower.artifacts import read_json, write_json
from pintower.config import LabelsConfig
from pintower.data.candidates import CandidateIndex
from pintower.data.splits import held_out_queries, normal_forms
from pintower.data.tables import IMPRESSIONS, JUDGMENTS, PINS, QUERY_LOG, read_table
from pintower.errors import DatasetError
from pintower.models.cross_encoder import CrossEncoder, TeacherLayout, fingerprint
from pintower.models.pairs import number_pairs
from pintower.models.pin_inputs import pin_texts
from pintower.progress import track

__all__ = ["run", "sample_pairs"]

logger = logging.getLogger(__name__)

_PROBABILITIES = ("p1", "p2", "p3", "p4", "p5")
_TOLD = "labels.json"
"""How much was labelled, or why nothing was."""
_RANDOM_SHARE = 0.2
"""Of a topped-up query's pins, the share drawn at random: the teacher's view of the irrelevant."""


def run(config: LabelsConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Sample pairs, score them with the teacher, write ``labels-*.parquet`` and ``labels.json``.

    A teacher that beats no baseline on its held-out queries labels nothing, unless it is forced:
    there is no shard then, and ``labels.json`` says why.

    Args:
        config: the recipe's section.
        inputs: ``data`` and ``teacher``.
        folder: to write into; whole shards of an interrupted run with the same inputs are kept.

    Returns:
        Pairs, queries and shards; with none of them, why.

    Raises:
        DatasetError: if there is no query to sample pairs of.
        StudentError: if the teacher's folder cannot be used.
    """
    if (reason := _why_not(inputs["teacher"])) and not config.force:
        logger.warning("nothing is labelled: %s", reason)
        told = {"pairs": 0, "queries": 0, "shards": 0, "reason": reason}
        write_json(folder / _TOLD, told)
        return told
    pins = read_table(inputs["data"], PINS)
    pairs = sample_pairs(
        config,
        pins,
        judgments=read_table(inputs["data"], JUDGMENTS),
        impressions=read_table(inputs["data"], IMPRESSIONS),
        query_log=read_table(inputs["data"], QUERY_LOG),
    )
    for leftover in folder.glob(".labels-*"):
        leftover.unlink()
    starts = range(0, len(pairs), config.shard_size)
    shards = {folder / f"labels-{number:05d}.parquet": at for number, at in enumerate(starts)}
    missing = {path: at for path, at in shards.items() if not path.exists()}
    if len(missing) < len(shards):
        done = len(shards) - len(missing)
        logger.info("resuming: %d of %d shards are there", done, len(shards))
    if missing:
        teacher = CrossEncoder.load(inputs["teacher"])
        numbered = number_pairs(pairs["query"].to_list(), pairs["pin_id"].to_list(), pins)
        signals = None if teacher.start is None else teacher.start.signals(numbered)
        start = None if signals is None or teacher.start is None else teacher.start.logits(signals)
        pairs = pairs.join(_texts(pins, pairs, teacher), on="pin_id", maintain_order="left")
        made_by = fingerprint(inputs["teacher"])
        parts = {path: slice(at, at + config.shard_size) for path, at in missing.items()}
        sizes = [len(pairs[part]) for part in parts.values()]
        for path, part in track(
            parts.items(), "labelling", total=sum(sizes), unit="pairs", weights=sizes
        ):
            given = None if start is None else start[part]
            _write_shard(path, _label(pairs[part], given, teacher, made_by, config.batch_size))
    counts = {"pairs": len(pairs), "queries": pairs["query"].n_unique(), "shards": len(shards)}
    write_json(folder / _TOLD, counts)
    return counts


def _why_not(teacher: Path) -> str:
    """Return why a teacher should not label; empty where it may."""
    path = TeacherLayout(teacher).metrics
    measured = read_json(path) if path.is_file() else {}
    return "" if measured.get("labels", True) else str(measured["reason"])


def sample_pairs(
    config: LabelsConfig,
    pins: pl.DataFrame,
    *,
    judgments: pl.DataFrame,
    impressions: pl.DataFrame,
    query_log: pl.DataFrame,
) -> pl.DataFrame:
    """Return distinct pairs to label, ``query`` (in normal form) and ``pin_id``, in random order.

    Impressions first; where they are too few, each query is topped up with its BM25 candidates and
    some random pins. Queries that are held out for validation or test never appear.

    Raises:
        DatasetError: if neither impressions, log nor training judgments hold a usable query.
    """
    random = np.random.default_rng(config.seed)
    held_out = held_out_queries(judgments)
    logged = _normalized(impressions.select("query", "pin_id"), held_out)
    logged = logged.join(pins.select("pin_id"), on="pin_id", how="semi", maintain_order="left")
    logged = _shuffled(logged.unique(maintain_order=True), random)
    logged = logged.filter(pl.int_range(pl.len()).over("query") < config.max_per_query)
    logged = logged.head(config.pairs)
    if len(logged) == config.pairs:
        return logged
    sources = (judgments, impressions, query_log)
    queries = pl.concat([source.select("query") for source in sources])
    queries = _normalized(queries, held_out).filter(pl.col("query") != "")
    distinct = _shuffled(queries.unique(maintain_order=True), random)["query"].to_list()
    topped_up = _top_up(config, pins, logged, distinct, random)
    pairs = _shuffled(pl.concat([logged, topped_up]), random)
    if pairs.is_empty():
        raise DatasetError(
            "There is no pair to label: impressions, query log and training judgments hold no "
            "query outside the validation and test splits. Add a query log to the dataset or "
            "lower data.validation_share and data.test_share."
        )
    if len(pairs) < config.pairs:
        logger.info("%d pairs to label, %d were asked for", len(pairs), config.pairs)
    return pairs


def _normalized(pairs: pl.DataFrame, held_out: frozenset[str]) -> pl.DataFrame:
    """Put queries into normal form and leave the held-out ones out."""
    forms = normal_forms(pairs["query"].unique())
    query = pl.col("query").replace_strict(forms, return_dtype=pl.String)
    return pairs.with_columns(query).filter(~pl.col("query").is_in(sorted(held_out)))


def _shuffled(table: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    return table[random.permutation(len(table))]


def _top_up(
    config: LabelsConfig,
    pins: pl.DataFrame,
    logged: pl.DataFrame,
    queries: list[str],
    random: np.random.Generator,
) -> pl.DataFrame:
    """Return pairs that are not logged, spread evenly over the queries."""
    taken: dict[str, set[str]] = {query: set() for query in queries}
    for query, pin_id in logged.iter_rows():
        taken.setdefault(query, set()).add(pin_id)
    index = CandidateIndex.build(pins)
    needed = config.pairs - len(logged)
    pin_ids = pins["pin_id"]
    found: list[tuple[str, str]] = []
    for at, query in enumerate(queries):
        known = taken[query]
        share = -(-(needed - len(found)) // (len(queries) - at))  # what earlier ones left over too
        room = min(share, config.max_per_query - len(known), needed - len(found))
        if room <= 0:
            continue
        at_random = max(1, round(room * _RANDOM_SHARE))
        drawn = pin_ids.gather(random.integers(len(pin_ids), size=at_random)).to_list()
        candidates = index.search(query, room + len(known))
        searched = [pin_id for pin_id in candidates if pin_id not in known]
        chosen = dict.fromkeys([*searched[: room - at_random], *drawn, *searched])
        fresh = [pin_id for pin_id in chosen if pin_id not in known]
        found.extend((query, pin_id) for pin_id in fresh[:room])
    return pl.DataFrame(found, schema={"query": pl.String, "pin_id": pl.String}, orient="row")


def _texts(pins: pl.DataFrame, pairs: pl.DataFrame, teacher: CrossEncoder) -> pl.DataFrame:
    """Return ``pin_id`` and rendered ``text`` of the pins in the pairs."""
    used = pins.join(pairs.select("pin_id").unique(), on="pin_id", how="semi")
    return pl.DataFrame({"pin_id": used["pin_id"], "text": pin_texts(used, teacher.rendering)})


def _label(
    pairs: pl.DataFrame,
    start: NDArray[np.float32] | None,
    teacher: CrossEncoder,
    made_by: str,
    batch_size: int,
) -> pl.DataFrame:
    queries, texts = pairs["query"].to_list(), pairs["text"].to_list()
    probabilities = teacher.probabilities(queries, texts, batch_size, start)
    columns = dict(zip(_PROBABILITIES, probabilities.T, strict=True))
    labelled = pairs.select("query", "pin_id").with_columns(
        pl.Series(name, values, dtype=pl.Float32) for name, values in columns.items()
    )
    return labelled.with_columns(pl.lit(made_by).alias("teacher"))


def _write_shard(path: Path, shard: pl.DataFrame) -> None:
    temporary = path.with_name(f".{path.name}")
    shard.write_parquet(temporary)
    temporary.replace(path)
