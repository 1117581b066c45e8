import json
from pathlib import Path

import polars as pl
import pytest
import torch

from pintower.errors import StudentError
from pintower.models.encoders import build_encoder, load_encoder, save_encoder
from pintower.models.pretrained import load_pretrained

COLUMNS = [{"name": "visual", "width": 3}]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_any_precision_are_loaded_in_fp32(
    tiny_backbone: Path, tmp_path: Path, dtype: torch.dtype
) -> None:
    """Transformers 5 gives a model the precision of its file, which numpy and the tracer lack."""
    encoder = build_encoder(str(tiny_backbone), width=8, layers=None)
    save_encoder(encoder.to(dtype), tmp_path / "encoder")
    encoder.to(dtype)[0].auto_model.save_pretrained(tmp_path / "plain")
    encoder[0].tokenizer.save_pretrained(tmp_path / "plain")
    loaded = (
        load_encoder(tmp_path / "encoder"),
        load_pretrained(tmp_path / "plain"),
        build_encoder(str(tmp_path / "plain"), width=8, layers=None),
    )
    for found in loaded:
        assert {value.dtype for value in found.parameters()} == {torch.float32}


def test_encoder_with_feature_vectors_is_read_back_without_trust_in_foreign_code(
    tiny_backbone: Path, tmp_path: Path, tiny_pins: pl.DataFrame
) -> None:
    encoder = build_encoder(str(tiny_backbone), width=8, layers=None, columns=COLUMNS).eval()
    save_encoder(encoder, tmp_path)
    loaded = load_encoder(tmp_path)
    assert [type(module).__name__ for module in loaded] == [
        "Transformer", "Pooling", "FeatureProjection", "Normalize",
    ]  # fmt: skip
    wanted, found = encoder.state_dict(), loaded.state_dict()
    assert wanted.keys() == found.keys()
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)
    modules = json.loads((tmp_path / "modules.json").read_text())
    modules[0]["type"] = "os.path.Transformer"
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(StudentError, match=r"os\.path\.Transformer is a module of foreign code"):
        load_encoder(tmp_path)


def test_loading_and_saving_say_nothing(
    tiny_backbone: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    save_encoder(build_encoder(str(tiny_backbone), width=8, layers=None), tmp_path)
    load_encoder(tmp_path)
    load_pretrained(tiny_backbone)
    assert capfd.readouterr() == ("", "")
