"""Try every family of models that transformers knows, and say what becomes of each.

    python -m tests.export.sweep_families [--target cpu-fp32] [FAMILY ...]

A family's default configuration is made small and filled with seeded weights; the folder is adopted
and its query encoder built and measured for a target. Prints a line each: the precision that passed
its gates, or the one line that a user would read. Ends with 1 where a family ended in a traceback.
All 500 families take about an hour on one core, so this is no test; those in
``test_other_families.py`` were found with it.
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import traceback
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import torch
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedTokenizerFast
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

from pintower.config import ExportConfig, StudentConfig
from pintower.errors import PintowerError
from pintower.export.build import GraphBuilder
from pintower.export.choice import choose_precision
from pintower.export.parity import Measurement
from pintower.export.reference import Reference
from pintower.gates import explain, failed
from pintower.models.adoption import adopt
from pintower.models.student import load_student
from pintower.targets import load_target
from tests.conftest import tiny_pin
from tests.models.adoption.tiny_encoders import FAMILIES, TOKENIZER
from tests.training.conftest import write_data

_SECONDS = 180
_MOST_WEIGHTS = 3_000_000
_WIDTHS = ("hidden_size", "d_model", "n_embd", "emb_dim", "dim", "embedding_size")
_SMALL = {
    **dict.fromkeys(_WIDTHS, 32),
    **dict.fromkeys(("num_hidden_layers", "num_layers", "n_layer", "n_layers"), 2),
    **dict.fromkeys(("encoder_layers", "decoder_layers", "num_decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "num_heads", "n_head", "n_heads"), 2),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("intermediate_size", "d_ff", "ffn_dim", "d_inner", "hidden_dim"), 64),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 64),
    **dict.fromkeys(("max_position_embeddings", "n_positions"), 130),
    **{"num_key_value_heads": 1, "head_dim": 16, "d_kv": 16, "word_embed_proj_dim": 32},
}
"""Settings that configurations call their sizes by."""


def main() -> None:
    """Try the families that are named, all without a name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*")
    parser.add_argument("--target", default="cpu-fp32")
    given = parser.parse_args()
    everything = [name for name in CONFIG_MAPPING_NAMES if name in MODEL_MAPPING_NAMES]
    broken = 0
    for family in given.families or everything:
        said = in_child(family, given.target)
        broken += said.startswith("TRACEBACK")
        sys.stdout.write(f"{family}: {said}\n")
        sys.stdout.flush()
    sys.exit(broken > 0)


def in_child(family: str, target: str) -> str:
    """Return what a process of its own says: a family may crash, or take for ever."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        signal.alarm(_SECONDS)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        with tempfile.TemporaryDirectory() as folder:
            os.write(writes, outcome(family, target, Path(folder)).encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return said or f"no answer within {_SECONDS} s, or crashed (status {status})"


def outcome(family: str, target: str, folder: Path) -> str:
    """Return what becomes of one family."""
    warnings.simplefilter("ignore")
    try:
        write_small(family, folder / "backbone")
    except Exception as error:  # a default configuration that cannot be made small this way
        return f"not tried: {' '.join(str(error).split())[:100]}"
    try:
        return served(folder, target)
    except PintowerError as error:
        return str(error).replace(str(folder), "").replace("\n", " ")
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"TRACEBACK {type(error).__name__}: {error} ({place.filename}:{place.lineno})"


def write_small(family: str, folder: Path) -> None:
    """Write a small folder of a family.

    Raises:
        ValueError: if it stays too large.
    """
    tokenizer = PreTrainedTokenizerFast.from_pretrained(
        TOKENIZER, model_input_names=["input_ids", "attention_mask"]
    )
    torch.manual_seed(0)
    known = FAMILIES.get(family, {})
    config = AutoConfig.for_model(family, **known)
    if not known:
        shrink(config)
    if hasattr(config, "vocab_size"):
        config.vocab_size = len(tokenizer)
    with torch.device("meta"):
        weights = sum(weight.numel() for weight in AutoModel.from_config(config).parameters())
    if weights > _MOST_WEIGHTS:
        raise ValueError(f"{weights:,} weights with small sizes")
    model = AutoModel.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def shrink(config: PretrainedConfig) -> None:
    """Set every size that a configuration has to a small one."""
    for name, value in _SMALL.items():
        if type(getattr(config, name, None)) is int:
            with contextlib.suppress(Exception):  # some are computed from others
                setattr(config, name, value)
    if getattr(config, "pad_token_id", None) is not None:
        config.pad_token_id = min(config.pad_token_id, 1)
    kinds: Any = getattr(config, "layer_types", None)
    if kinds:
        config.layer_types = kinds[:2]


def served(folder: Path, target: str) -> str:
    """Return the precision in which the gates pass, or the first that fails in the last."""
    schema = {"updated_at": pl.Datetime, "graph_vector": pl.List(pl.Float32)}
    pins = pl.DataFrame([tiny_pin(number) for number in range(40)], schema_overrides=schema)
    data = write_data(folder / "data", pins)
    for name in ("student", "graphs"):
        (folder / name).mkdir()
    config = StudentConfig(method="encoder", query_encoder=str(folder / "backbone"))
    adopt(config, data, folder / "student")
    student, settings = load_student(folder / "student"), load_target(target)
    reference = Reference(ExportConfig(parity_texts=20), student, data)
    builder = GraphBuilder(
        student, settings, folder / "graphs", lambda name: reference.calibration(name, 50)
    )
    choice = choose_precision(
        "query_encoder",
        settings.precision["query_encoder"],
        partial(builder.build, "query_encoder"),
        Measurement(reference, settings, folder / "graphs").query_encoder,
        (),
    )
    stopped = [explain(item) for item in failed(choice.gates)]
    return f"stopped by {stopped[0]}" if stopped else f"served in {choice.built.precision}"


if __name__ == "__main__":
    main()
