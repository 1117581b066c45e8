"""What a measurement needs before it can start: queries, environments, prepared files, a core."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pintower.errors import InputError, SetupError
from pintower.models.tokenization import open_tokenizer

from .competitors import Competitor
from .environments import ENVIRONMENTS, PeerEnvironment, open_environment
from .exports import Export, named_folder
from .preparation import PREPARED, Preparation
from .queries import Queries, read_queries

__all__ = [
    "make_files",
    "open_environments",
    "plan_files",
    "queries_for",
    "quiet_core",
    "require_model",
]

logger = logging.getLogger("pintower.bench.peers")

LENGTHS = (8, 16)
FEW = 10


def require_model(encoder: Path) -> None:
    """Check that a folder holds a model, before anything is installed for it.

    Raises:
        InputError: if it does not.
    """
    if not (encoder / "config.json").is_file() and not (encoder / "modules.json").is_file():
        raise InputError(
            f"--encoder {encoder} is no model folder: it has neither modules.json nor config.json."
        )


def queries_for(data: Path, ours: Sequence[Export], cuts: Sequence[Export]) -> Queries:
    """Return the queries, tokenized as all exports tokenize them."""
    rules = ours[0].rendering()
    tokenizers = {
        export.name: open_tokenizer(export.tokenizer, rules.query_max_tokens)
        for export in (*ours, *cuts)
    }
    queries = read_queries(data, rules, tokenizers[ours[0].name], LENGTHS)
    shown = [query for found in queries.of_length.values() for query in found]
    for name, tokenizer in tokenizers.items():
        if any(tokenizer.encode(query.rendered).ids != query.ids for query in shown):
            raise InputError(f"{name} and {ours[0].name} have different tokenizers.")
    for length, found in queries.of_length.items():
        if len(found) < FEW:
            logger.warning("%s holds %d queries of %d tokens.", data, len(found), length)
    return queries


def open_environments(given: Sequence[str], problems: dict[str, str]) -> dict[str, PeerEnvironment]:
    """Return the environments that can be had; why others cannot goes to ``problems``."""
    folders = dict(named_folder(text) for text in given)
    if unknown := sorted(folders.keys() - set(ENVIRONMENTS)):
        raise InputError(f"--peers-env {unknown[0]}: allowed are {', '.join(ENVIRONMENTS)}.")
    environments = {}
    for key in ENVIRONMENTS:
        try:
            environments[key] = open_environment(key, folders)
        except SetupError as error:
            problems[key] = str(error)
    if "sentence" not in environments:  # the reference and the tools live in it
        raise SetupError(problems["sentence"])
    return environments


def plan_files(
    encoder: Path, environments: Mapping[str, PeerEnvironment], queries: Queries, ours: Export
) -> Preparation:
    """Say where the files that peers run belong; nothing is made yet."""
    texts = [query.rendered for query in queries.calibration]
    longest = ours.rendering().query_max_tokens
    return Preparation.plan(encoder, environments["sentence"], texts, longest)


def make_files(
    files: Preparation, competitors: Sequence[Competitor], problems: dict[str, str]
) -> None:
    """Make the files that these competitors run; why one cannot be made goes to ``problems``."""
    files.copy_encoder()
    needed = {name for competitor in competitors for name in competitor.needs}
    for name in PREPARED:
        if name not in needed:
            continue
        try:
            files.make(name)
        except SetupError as error:
            problems[name] = str(error)


def quiet_core() -> int | None:
    """Return the core all competitors are pinned to: the last one, which has fewest interrupts."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
