"""Fixtures for every test: a seeded two-layer backbone, a tiny catalogue, a tiny student."""

import os
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

TOKENIZER = Path(__file__).parent / "fixtures" / "tokenizer"


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers and width 32, seeded, with the committed tokenizer."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("backbone")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(TOKENIZER)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_pin(number: int) -> dict[str, Any]:
    """A pin with holes: every third has no description, every fifth no boards."""
    things = ["red shoes", "blue sofa", "lemon cake", "garden bench", "beach house"]
    thing = things[number % len(things)]
    return {
        "pin_id": f"pin-{number:03d}",
        "title": f"{thing} number {number}",
        "description": "" if number % 3 == 0 else f"a {thing} for your home",
        "caption": f"photo of {thing}",
        "board_titles": [] if number % 5 == 0 else [f"my {thing} ideas", "home"],
        "engaged_queries": [thing] if number % 2 else [],
        "language": "en",
        "country": "US",
        "updated_at": None,
        "graph_vector": None if number % 7 == 0 else [float(number % 3), 1.0, -1.0, 0.5],
    }


@pytest.fixture(scope="session")
def tiny_pins() -> pl.DataFrame:
    """Forty pins as the data stage writes them, with a feature vector of width 4."""
    schema = {"updated_at": pl.Datetime, "graph_vector": pl.List(pl.Float32)}
    return pl.DataFrame([tiny_pin(number) for number in range(40)], schema_overrides=schema)


@pytest.fixture(scope="session")
def tiny_student(
    tiny_backbone: Path, tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A seeded student folder that was never trained: both towers of width 16, features of 4."""
    return write_tiny_student(tiny_backbone, tiny_pins, tmp_path_factory.mktemp("student"), seed=0)


def write_tiny_student(backbone: Path, pins: pl.DataFrame, folder: Path, *, seed: int) -> Path:
    """Write a student folder whose weights follow from the seed; its texts are the pins'."""
    import torch

    from pintower.data.calibration import write_calibration
    from pintower.data.tables import empty
    from pintower.models.encoders import build_encoder, save_encoder
    from pintower.models.freezing import ensure_calibration
    from pintower.models.scoring_head import ScoringHead
    from pintower.models.student import StudentLayout
    from pintower.text.match_features import FEATURES, fit_statistics
    from pintower.text.rendering import Rendering

    torch.manual_seed(seed)
    layout = StudentLayout(folder)
    columns = [{"name": "graph_vector", "width": 4}]
    query_encoder = build_encoder(str(backbone), width=16, layers=None)
    pin_encoder = build_encoder(str(backbone), width=16, layers=1, columns=columns)
    for layer in (query_encoder[-2].linear, pin_encoder[-2].text):
        layer.reset_parameters()  # else every seed has the encoder's own first axes
    save_encoder(query_encoder, layout.query_encoder)
    save_encoder(pin_encoder, layout.pin_encoder)
    ScoringHead(16, FEATURES, (8,)).save(layout.scoring_head)
    Rendering(query_max_tokens=16, pin_max_tokens=24).save(layout.text)
    fit_statistics(pins.iter_rows(named=True)).save(layout.match_stats)
    with tempfile.TemporaryDirectory() as data:
        log = pins.select(pl.col("engaged_queries").explode().drop_nulls().alias("query"))
        write_calibration(Path(data), pins, empty("judgments"), log, empty("queries"))
        ensure_calibration(folder, Path(data))
    return folder
