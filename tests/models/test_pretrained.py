import json
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


def test_a_given_prefix_ends_the_talk_about_that_sides_prompts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = encoder(tmp_path, prompts={"query": "q: ", "passage": "p: "})
    config = StudentConfig(method="encoder", query_encoder=name, pin_prefix="p: ")
    assert chosen_prefixes(config) == ("q: ", "p: ")
    assert caplog.records == []
