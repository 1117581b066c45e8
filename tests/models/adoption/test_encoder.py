import json
from pathlib import Path
from typing import Any

import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, WordWeights
from torch import nn
from transformers import CanineConfig, CanineModel, CanineTokenizer

from pintower.errors import StudentError
from pintower.models.adoption.encoder import adopt_encoder
from tests.models.adoption.tiny_encoders import write_encoder


def kinds(encoder: SentenceTransformer) -> list[str]:
    return [type(module).__name__ for module in encoder]


@pytest.mark.parametrize(
    ("architecture", "asked", "wanted"),
    [
        ("BertModel", None, "mean"),
        ("BertModel", "cls", "cls"),
        ("BertForMaskedLM", None, "mean"),
        ("Qwen2ForCausalLM", None, "lasttoken"),
        ("Qwen2ForCausalLM", "mean", "mean"),
    ],
)
def test_plain_folder_is_pooled_and_normalized(
    backbone: Path, tmp_path: Path, architecture: str, asked: str | None, wanted: str
) -> None:
    for path in backbone.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": [architecture]}))
    encoder = adopt_encoder(tmp_path, asked).query
    assert kinds(encoder) == ["Transformer", "Pooling", "Normalize"]
    assert encoder[1].pooling_mode == wanted


@pytest.mark.parametrize(
    ("similarity", "normalized", "wanted"),
    [
        ("cosine", False, ["Transformer", "Pooling", "Normalize"]),
        ("cosine", True, ["Transformer", "Pooling", "Normalize"]),
        (None, False, ["Transformer", "Pooling", "Normalize"]),
        ("dot", False, ["Transformer", "Pooling"]),
        ("euclidean", False, ["Transformer", "Pooling", "Normalize"]),
    ],
)
def test_only_an_encoder_that_says_dot_stays_without_normalization(
    backbone: Path, tmp_path: Path, similarity: str | None, normalized: bool, wanted: list[str]
) -> None:
    last = [Normalize()] if normalized else []
    write_encoder(tmp_path, backbone, Pooling(32), *last, similarity_fn_name=similarity)
    encoder = adopt_encoder(tmp_path, None).query
    assert kinds(encoder) == wanted
    assert encoder.similarity_fn_name == ("dot" if similarity == "dot" else "cosine")


def test_dense_layers_and_their_activations_are_kept(backbone: Path, tmp_path: Path) -> None:
    write_encoder(
        tmp_path, backbone, Pooling(32, "cls"), Dense(32, 8, activation_function=nn.GELU())
    )
    encoder = adopt_encoder(tmp_path, None).query
    assert kinds(encoder) == ["Transformer", "Pooling", "Dense", "Normalize"]
    assert isinstance(encoder[2].activation_function, nn.GELU)
    assert encoder.get_embedding_dimension() == 8


def test_asked_pooling_takes_the_place_of_the_stated_one(backbone: Path, tmp_path: Path) -> None:
    write_encoder(tmp_path, backbone, Pooling(32, "mean"))
    assert adopt_encoder(tmp_path, "cls").query[1].pooling_mode == "cls"


def test_prompts_are_left_to_the_text_rendering(backbone: Path, tmp_path: Path) -> None:
    """A prompt that stayed in the folder would be put before a text that has it already."""
    write_encoder(
        tmp_path, backbone, Pooling(32), prompts={"query": "q: "}, default_prompt_name="query"
    )
    encoder = adopt_encoder(tmp_path, None).query
    assert encoder.default_prompt_name is None
    assert not any(encoder.prompts.values())


@pytest.mark.parametrize(
    ("modules", "settings", "said"),
    [
        ([Pooling(32, include_prompt=False)], {}, "include_prompt"),
        ([Pooling(32)], {"truncate_dim": 0}, "truncate_dim 0; allowed are 1 to 32"),
        ([Pooling(32)], {"model_type": "SparseEncoder"}, "is a SparseEncoder, no bi-encoder"),
        ([WordWeights(["red"], {"red": 1.0}), Pooling(32)], {}, "WordWeights"),
        ([], {}, "has the modules Transformer; wanted are"),
        ([Pooling(32), Pooling(32)], {}, "Transformer, Pooling, Pooling; wanted are"),
    ],
)
def test_what_no_graph_can_do_is_refused(
    backbone: Path,
    tmp_path: Path,
    modules: list[nn.Module],
    settings: dict[str, Any],
    said: str,
) -> None:
    write_encoder(tmp_path, backbone, *modules, **settings)
    with pytest.raises(StudentError, match=said):
        adopt_encoder(tmp_path, None)


def test_module_of_foreign_code_is_refused_before_it_is_loaded(
    backbone: Path, tmp_path: Path
) -> None:
    write_encoder(tmp_path, backbone, Pooling(32))
    modules = json.loads((tmp_path / "modules.json").read_text())
    modules[0]["type"] = "custom_st.Transformer"
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(StudentError, match=r"custom_st\.Transformer"):
        adopt_encoder(tmp_path, None)


def test_slow_tokenizer_is_refused(tmp_path: Path) -> None:
    config = CanineConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    CanineModel(config).save_pretrained(tmp_path)
    CanineTokenizer().save_pretrained(tmp_path)
    with pytest.raises(StudentError, match=r"slow tokenizer \(CanineTokenizer\)"):
        adopt_encoder(tmp_path, None)


def test_cross_encoder_is_refused(backbone: Path, tmp_path: Path) -> None:
    config = json.loads((backbone / "config.json").read_text())
    config["architectures"] = ["BertForSequenceClassification"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(StudentError, match="cross-encoder"):
        adopt_encoder(tmp_path, None)


def test_folder_without_weights_is_refused(backbone: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((backbone / "config.json").read_bytes())
    with pytest.raises(StudentError, match="cannot be loaded"):
        adopt_encoder(tmp_path, None)


def test_pooling_that_later_layers_depend_on_is_not_replaced(
    backbone: Path, tmp_path: Path
) -> None:
    write_encoder(tmp_path, backbone, Pooling(32, ("mean", "max")))
    with pytest.raises(StudentError, match=r"mean.*max.*'cls' cannot take the place"):
        adopt_encoder(tmp_path, "cls")
