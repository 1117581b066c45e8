import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers.sentence_transformer.modules import Pooling

from pintower.config import StudentConfig
from pintower.errors import StudentError
from pintower.models.pretrained import chosen_prefixes, load_pretrained
from tests.models.adoption.tiny_encoders import write_backbone, write_encoder


def encoder(folder: Path, **settings: Any) -> str:
    (folder / "modules.json").write_text("[]")
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    return str(folder)


@pytest.mark.parametrize(
    ("prompts", "default", "wanted"),
    [
        ({"query": "query: ", "passage": "passage: "}, None, ("query: ", "passage: ")),
        ({"query": "q: ", "document": "", "passage": "p: "}, None, ("q: ", "p: ")),
        ({"query": "q: ", "document": "d: ", "passage": "p: "}, None, ("q: ", "d: ")),
        ({"query": "q: "}, "query", ("q: ", "")),
        ({"passage": "p: "}, "passage", ("", "p: ")),
        ({"retrieval": "r: "}, "retrieval", ("r: ", "r: ")),
        ({"query": "q: ", "retrieval": "r: "}, "retrieval", ("q: ", "r: ")),
        (None, None, ("", "")),
    ],
)
def test_prefixes_are_what_the_encoders_files_state(
    tmp_path: Path, prompts: dict[str, str] | None, default: str | None, wanted: tuple[str, str]
) -> None:
    name = encoder(tmp_path, prompts=prompts, default_prompt_name=default)
    assert chosen_prefixes(StudentConfig(query_encoder=name, pin_encoder=name)) == wanted


def test_given_prefixes_win_and_may_be_empty(tmp_path: Path) -> None:
    name = encoder(tmp_path, prompts={"query": "q: ", "document": "d: "})
    config = StudentConfig(
        method="encoder", query_encoder=name, query_prefix="", pin_prefix="title: "
    )
    assert chosen_prefixes(config) == ("", "title: ")


def test_a_given_prefix_ends_the_talk_about_that_sides_prompts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = encoder(tmp_path, prompts={"query": "q: ", "passage": "p: "})
    config = StudentConfig(method="encoder", query_encoder=name, pin_prefix="p: ")
    assert chosen_prefixes(config) == ("q: ", "p: ")
    assert caplog.records == []


def test_the_pooling_of_a_plain_folder_is_assumed_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_backbone(tmp_path)
    load_pretrained(folder, "cls")
    assert caplog.records == []
    load_pretrained(folder)
    assert "no modules.json: mean pooling is assumed, --pooling" in caplog.text


@pytest.mark.parametrize("pooling", [None, "mean"])
def test_modules_that_nothing_lists_are_refused(tmp_path: Path, pooling: str | None) -> None:
    backbone = write_backbone(tmp_path / "backbone")
    folder = write_encoder(tmp_path / "encoder", backbone, Pooling(32, "cls"))
    (folder / "modules.json").unlink()
    with pytest.raises(StudentError, match="has 1_Pooling but no modules.json"):
        load_pretrained(folder, pooling)


def test_null_prompts_are_no_prompts(tmp_path: Path) -> None:
    backbone = write_backbone(tmp_path / "backbone")
    embeddings = []
    for name, prompts in (("none", {}), ("null", None)):
        folder = write_encoder(
            tmp_path / name, backbone, Pooling(32, "cls"), prompts=prompts, max_tokens=24,
            similarity_fn_name="dot", truncate_dim=8,
        )  # fmt: skip
        read = load_pretrained(folder)
        assert (read.similarity_fn_name, read.max_seq_length) == ("dot", 24)
        embeddings.append(read.encode(["red shoes " * 20]))
    assert embeddings[0].shape == (1, 8)
    np.testing.assert_array_equal(*embeddings)
