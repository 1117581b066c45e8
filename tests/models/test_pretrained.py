import json
import logging
from pathlib import Path
from typing import Any

import pytest

from pintower.config import StudentConfig
from pintower.models.pretrained import chosen_prefixes


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


def test_prompts_that_nothing_names_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = encoder(tmp_path, prompts={"s2p": "Instruct: "})
    with caplog.at_level(logging.INFO):
        assert chosen_prefixes(StudentConfig(method="encoder", query_encoder=name)) == ("", "")
    assert "states the prompts s2p" in caplog.text
