from pathlib import Path

import pytest
import torch
from sentence_transformers.sentence_transformer.modules import Pooling

from pintower.errors import StudentError
from pintower.models.adoption.encoder import adopt_encoder
from pintower.models.adoption.soundness import require_soundness
from pintower.models.vocabulary import table_rows
from tests.models.adoption.tiny_encoders import write_encoder


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        (float("nan"), "embeddings that are not finite"),
        (float("inf"), "embeddings that are not finite"),
        (0.0, "every text the same embedding"),
    ],
)
def test_broken_weights_are_told(weight: float, said: str, backbone: Path) -> None:
    """The embedding table of a checkpoint that was saved or loaded wrong."""
    encoder = adopt_encoder(backbone, None).query
    table = encoder[0].auto_model.get_input_embeddings()
    with torch.no_grad():
        table.weight.fill_(weight)
    with pytest.raises(StudentError, match=f"My encoder gives {said}: its weights are broken"):
        require_soundness(encoder, table_rows(encoder), "My encoder")


def test_an_encoder_whose_last_layer_gives_nothing_is_told(backbone: Path, tmp_path: Path) -> None:
    encoder = adopt_encoder(write_encoder(tmp_path, backbone, Pooling(32)), None).query
    with torch.no_grad():
        for name, weight in encoder[0].auto_model.named_parameters():
            if "LayerNorm" in name:
                weight.zero_()
    with pytest.raises(StudentError, match="embeddings that are all zero"):
        require_soundness(encoder, table_rows(encoder), "My encoder")


def test_a_sound_encoder_passes(backbone: Path) -> None:
    encoder = adopt_encoder(backbone, None).query
    require_soundness(encoder, table_rows(encoder), "My encoder")
