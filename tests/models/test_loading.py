"""Folders whose weights or files are not what they should be: one message, no random encoder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
from torch import Tensor
from transformers import AutoModel

from pintower.errors import StudentError
from pintower.models.adoption.encoder import adopt_encoder
from pintower.models.cross_encoder import build_cross_encoder
from pintower.models.encoders import build_encoder, load_encoder
from tests.models.adoption.tiny_encoders import write_backbone, write_encoder

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2\nsize 90868376\n"


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def encoder(backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    modules = [Pooling(32), Dense(32, 8), Normalize()]
    return write_encoder(tmp_path_factory.mktemp("encoder"), backbone, *modules)


@pytest.fixture
def plain(backbone: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(backbone, tmp_path / "plain"))


@pytest.fixture
def copied(encoder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(encoder, tmp_path / "encoder"))


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def without(part: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda weights: {name: value for name, value in weights.items() if part not in name}


def configure(folder: Path, **settings: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("layer.1."), r"lacks 16 of the \d+ weights of a Bert.*encoder\.layer\.1\."),
        (
            without("word_embeddings"),
            r"lacks 1 of the .*embeddings\.word_embeddings\.weight\. They",
        ),
        (
            lambda weights: {f"backbone.{name}": value for name, value in weights.items()},
            r"lacks \d+ of .* It holds backbone\.embeddings.*instead",
        ),
        (
            lambda weights: {
                name: value[:7].clone() if "word_embeddings" in name else value
                for name, value in weights.items()
            },
            r"lacks 1 of .* in another shape: .*embeddings\.word_embeddings\.weight",
        ),
    ],
)
def test_random_weights_are_never_served(
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]], said: str, plain: Path
) -> None:
    """Lacking ones are filled with random numbers by transformers, which only logs it."""
    rewrite(plain, change)
    with pytest.raises(StudentError, match=said):
        adopt_encoder(plain, None)
    with pytest.raises(StudentError, match=said):
        build_encoder(str(plain), width=8, layers=None)
    with pytest.raises(StudentError, match=said):
        build_cross_encoder(str(plain), layers=None, max_length=32, bf16=False)


def test_weights_of_another_architecture_are_refused(plain: Path) -> None:
    configure(plain, model_type="distilbert", dim=32, n_layers=2, n_heads=2, hidden_dim=64)
    with pytest.raises(StudentError, match="weights of a DistilBertModel"):
        adopt_encoder(plain, None)


def test_code_of_its_own_that_is_not_run_is_named(plain: Path) -> None:
    """A folder may call itself XLM-R and be something else in code that comes with it."""
    configure(plain, model_type="xlm-roberta", auto_map={"AutoModel": "own.OwnModel"})
    rewrite(plain, without("layer.0."))
    with pytest.raises(StudentError, match=r"XLMRobertaModel.*code of its own for it \(auto_map\)"):
        adopt_encoder(plain, None)


def test_a_pooler_that_is_not_used_may_lack(backbone: Path, plain: Path) -> None:
    rewrite(plain, without("pooler"))
    whole, lacking = (adopt_encoder(folder, None).query for folder in (backbone, plain))
    np.testing.assert_array_equal(whole.encode(["red shoes"]), lacking.encode(["red shoes"]))


def test_a_students_tower_that_lacks_weights_is_refused(copied: Path) -> None:
    rewrite(copied, without("layer.0.attention"))
    with pytest.raises(StudentError, match=r"lacks 10 of the .*encoder\.layer\.0\.attention"):
        load_encoder(copied)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "tokenizer.json", "2_Dense/model.safetensors", "config.json"]
)
def test_a_pointer_of_git_lfs_is_named(name: str, copied: Path) -> None:
    (copied / name).write_text(POINTER)
    with pytest.raises(StudentError, match=f"{name} is a pointer of Git LFS.*git lfs pull"):
        adopt_encoder(copied, None)


def test_a_pointer_that_is_not_read_does_not_matter(copied: Path) -> None:
    (copied / "pytorch_model.bin").write_text(POINTER)
    (copied / "onnx").mkdir()
    (copied / "onnx" / "model.onnx").write_text(POINTER)
    adopt_encoder(copied, None)


@pytest.mark.parametrize("name", ["model.safetensors", "2_Dense/model.safetensors"])
@pytest.mark.parametrize("kept", [0, 5, 200, -1])
def test_a_file_of_weights_that_is_cut_short_is_named(name: str, kept: int, copied: Path) -> None:
    path = copied / name
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(StudentError, match=rf"{name} is no whole safetensors file.*\d bytes"):
        adopt_encoder(copied, None)


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json", "1_Pooling/config.json"])
def test_settings_that_are_cut_short_are_named(name: str, copied: Path) -> None:
    path = copied / name
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(StudentError, match=f"{name} is not valid JSON"):
        adopt_encoder(copied, None)


def in_shards(folder: Path) -> list[str]:
    """Rewrite a folder's weights as shards; return their names."""
    model = AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="40KB")
    return sorted(path.name for path in folder.glob("*.safetensors"))


def test_shards_are_read(backbone: Path, plain: Path) -> None:
    assert len(in_shards(plain)) > 2
    whole, parts = (adopt_encoder(folder, None).query for folder in (backbone, plain))
    np.testing.assert_array_equal(whole.encode(["red shoes"]), parts.encode(["red shoes"]))


def test_a_missing_shard_is_named(plain: Path) -> None:
    shards = in_shards(plain)
    (plain / shards[1]).unlink()
    with pytest.raises(StudentError, match=f"lacks 1 of the {len(shards)} files.*{shards[1]}"):
        adopt_encoder(plain, None)


def as_pickle(folder: Path, **extra: Any) -> Path:
    path = folder / "pytorch_model.bin"
    torch.save({**load_file(folder / "model.safetensors"), **extra}, path)
    (folder / "model.safetensors").unlink()
    return path


def test_weights_in_an_older_file_of_tensors_are_read(backbone: Path, plain: Path) -> None:
    as_pickle(plain)
    whole, old = (adopt_encoder(folder, None).query for folder in (backbone, plain))
    np.testing.assert_array_equal(whole.encode(["red shoes"]), old.encode(["red shoes"]))


class Mark:
    """An object that unpickling would make."""


def test_objects_among_the_weights_are_not_unpickled(plain: Path) -> None:
    as_pickle(plain, more=Mark())
    with pytest.raises(StudentError, match="pickled objects, not tensors alone"):
        adopt_encoder(plain, None)


def test_an_older_file_that_is_cut_short_is_refused(plain: Path) -> None:
    path = as_pickle(plain)
    path.write_bytes(path.read_bytes()[:5_000])
    with pytest.raises(StudentError, match="plain cannot be loaded"):
        adopt_encoder(plain, None)


@pytest.mark.parametrize(("name", "kind"), [("1_Pooling", "Pooling"), ("2_Dense", "Dense")])
def test_a_missing_folder_of_a_module_is_named(name: str, kind: str, copied: Path) -> None:
    shutil.rmtree(copied / name)
    with pytest.raises(StudentError, match=f"{name}/config.json is missing.* lists a {kind} there"):
        adopt_encoder(copied, None)


def test_an_empty_folder_that_git_does_not_keep_may_be_missing(copied: Path) -> None:
    shutil.rmtree(copied / "3_Normalize", ignore_errors=True)
    adopt_encoder(copied, None)


def test_a_folder_of_a_newer_library_says_what_to_upgrade(plain: Path) -> None:
    configure(plain, model_type="bert9", transformers_version="99.1.0")
    with pytest.raises(
        StudentError, match=r"transformers 99\.1\.0 \(here is \d.*pip install --upgrade"
    ):
        adopt_encoder(plain, None)


def test_a_module_of_a_newer_library_says_what_to_upgrade(copied: Path) -> None:
    path = copied / "modules.json"
    path.write_text(path.read_text().replace("base.modules.dense", "base.newer.dense"))
    settings = copied / "config_sentence_transformers.json"
    settings.write_text(json.dumps({"__version__": {"sentence_transformers": "77.0.0"}}))
    with pytest.raises(StudentError, match=r"sentence-transformers 77\.0\.0 \(here is"):
        adopt_encoder(copied, None)


def test_a_model_in_code_of_its_own_is_not_supported(plain: Path) -> None:
    configure(plain, model_type="own", auto_map={"AutoConfig": "own.C", "AutoModel": "own.M"})
    with pytest.raises(StudentError, match=r"'own' is code of the folder's own.*Not supported"):
        adopt_encoder(plain, None)


def test_settings_that_no_model_can_have_are_an_error_in_one_line(plain: Path) -> None:
    configure(plain, hidden_size="wide")
    with pytest.raises(StudentError, match="cannot be loaded") as error:
        adopt_encoder(plain, None)
    assert "\n" not in str(error.value)
