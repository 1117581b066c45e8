"""From an encoder and a data folder to a student folder."""

import logging
import time
from pathlib import Path
from typing import Any

import polars as pl
from sentence_transformers.sentence_transformer.modules import Pooling

from pintower.artifacts import write_json
from pintower.config import StudentConfig
from pintower.data.tables import JUDGMENTS, MATCH_STATISTICS, PINS, QUERY_LOG, read_table
from pintower.models.adoption.calibration import fit_to_texts
from pintower.models.adoption.cuts import measure_cuts
from pintower.models.adoption.encoder import Adopted, adopt_encoder
from pintower.models.adoption.fitting import fit_to_judgments
from pintower.models.adoption.soundness import require_soundness
from pintower.models.adoption.texts import rendering_for
from pintower.models.adoption.towers import largest_difference, lay_out
from pintower.models.adoption.unknown import warn_of_unknown
from pintower.models.first_module import backbone_config, own_tokenizer
from pintower.models.freezing import freeze_calibration
from pintower.models.judged import draw_by_query, why_too_few
from pintower.models.optimization import training_device
from pintower.models.pretrained import chosen_prefixes, pretrained_folder
from pintower.models.student import Student
from pintower.models.vocabulary import require_rows, table_rows
from pintower.text.match_features import MatchStatistics

__all__ = ["adopt"]

logger = logging.getLogger(__name__)

_MUCH_GIB = 1.0


def adopt(config: StudentConfig, data: Path, folder: Path) -> dict[str, Any]:
    """Write a student folder whose towers are a pretrained encoder, and ``training.json``.

    Where at least ten queries are judged in the training split, on more than one level, the scoring
    head is chosen by cross-validation (see :func:`choose_head`); else the cosine is calibrated on
    the pins' own texts (see :mod:`pintower.models.adoption.calibration`).

    Args:
        config: ``query_encoder`` names the encoder of both towers.
        data: the data stage's folder.
        folder: to write into.

    Returns:
        What ``training.json`` holds.

    Raises:
        StudentError: if the encoder cannot be found, loaded or served.
        DatasetError: if there is neither enough text nor judgments to tell levels from.
    """
    started = time.monotonic()
    prefixes = chosen_prefixes(config)
    encoder = adopt_encoder(pretrained_folder(config.query_encoder), config.pooling)
    for side in (encoder.query, encoder.pin):
        require_rows(own_tokenizer(side), table_rows(side), config.query_encoder)
    rendering = rendering_for(encoder, config, prefixes)
    statistics = MatchStatistics.load(data / MATCH_STATISTICS)
    student = lay_out(encoder, rendering, statistics, folder)
    for tower in (student.query_encoder, student.pin_encoder):
        require_soundness(tower, table_rows(tower), config.query_encoder)
    difference = largest_difference(encoder, student)

    for tower in (student.query_encoder, student.pin_encoder):
        tower.to(training_device())
    pins = read_table(data, PINS)
    judgments = read_table(data, JUDGMENTS).filter(pl.col("split") == "train")
    if not (lacking := why_too_few(judgments)):
        drawn = draw_by_query(judgments, config.seed)
        head, told = fit_to_judgments(student, drawn, data, seed=config.seed, hidden=config.hidden)
    else:
        logger.info("%s: the levels are read off the pins' own texts", lacking)
        (head,), told = fit_to_texts(student, pins, config.seed)
    head.save(student.layout.scoring_head)
    freeze_calibration(student, data)
    logged = read_table(data, QUERY_LOG)["query"].to_list()
    cuts = measure_cuts(student, pins, logged, config.seed)
    warn_of_unknown({kind: found["unknown"] for kind, found in cuts.items()})
    _warn_of_memory(student, cuts["pins"]["longest_read"])
    training = {
        "method": config.method,
        "query_encoder": config.query_encoder,
        "pin_encoder": config.query_encoder,
        **_describe(encoder),
        "query_prefix": rendering.query_prefix,
        "pin_prefix": rendering.pin_prefix,
        "lowercase": rendering.lowercase,
        "query_max_tokens": rendering.query_max_tokens,
        "pin_max_tokens": rendering.pin_max_tokens,
        "source_max_chars": rendering.source_max_chars,
        "cuts": cuts,
        "difference": difference,
        **told,
        "seconds": round(time.monotonic() - started, 1),
    }
    write_json(folder / "training.json", training)
    return training


def _describe(encoder: Adopted) -> dict[str, Any]:
    """Return width, pooling and similarity; a table of token embeddings has their mean."""
    poolings = [module for module in encoder.query if isinstance(module, Pooling)]
    return {
        "width": encoder.query.get_embedding_dimension(),
        "pooling": poolings[0].pooling_mode if poolings else "mean",
        "similarity": encoder.query.similarity_fn_name,
    }


def _warn_of_memory(student: Student, tokens: int) -> None:
    """Say what the longest pin takes, where that may be more than a machine has."""
    config = backbone_config(student.pin_encoder)
    heads = getattr(config, "num_attention_heads", None) or 0
    taken = heads * tokens**2 * 4 / 2**30
    if taken > _MUCH_GIB:
        logger.warning(
            "the longest pin has %d tokens: the attention weights of one layer may take %.1f GiB, "
            "and its time grows with the square of its length; pin_max_tokens (--pin-max-tokens) "
            "cuts it",
            tokens, taken,
        )  # fmt: skip
