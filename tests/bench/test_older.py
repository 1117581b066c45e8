"""An encoder's folder for the older libraries that peers run with."""

import json
from pathlib import Path

import numpy as np

from bench.peers.older import older_encoder
from pintower.models.encoders import build_encoder, load_encoder, save_encoder

TEXTS = ["red shoes", "a lemon cake for a birthday"]


def test_older_form_names_modules_as_all_releases_do_and_embeds_the_same(
    tiny_backbone: Path, tmp_path: Path
) -> None:
    encoder = build_encoder(str(tiny_backbone), width=8, layers=None).eval()
    encoder.max_seq_length = 16
    save_encoder(encoder, tmp_path / "own")
    older_encoder(tmp_path / "own", tmp_path / "older", 16)
    modules = json.loads((tmp_path / "older" / "modules.json").read_text())
    assert {module["type"].rpartition(".")[0] for module in modules} == {
        "sentence_transformers.models"
    }
    older = load_encoder(tmp_path / "older")
    assert older.max_seq_length == 16
    np.testing.assert_allclose(older.encode(TEXTS), encoder.encode(TEXTS), atol=1e-6)
