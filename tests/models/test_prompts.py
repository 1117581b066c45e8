"""Which prompts are put before queries and pins: the library's own, or others and a warning."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling

from pintower.errors import StudentError
from pintower.models.prompts import stated_prefixes
from tests.models.adoption.tiny_encoders import write_backbone, write_encoder

TEXTS = ["red shoes", "a lemon cake in the garden"]

GEMMA = {
    "query": "task: search result | query: ",
    "document": "title: none | text: ",
    "BitextMining": "task: search result | query: ",
    "Clustering": "task: clustering | query: ",
    "Retrieval-query": "task: a search | query: ",
    "Retrieval-document": "title: a text | text: ",
    "STS": "task: sentence similarity | query: ",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("prompted")
    return write_encoder(root / "encoder", write_backbone(root / "backbone"), Pooling(32))


@pytest.mark.parametrize(
    ("prompts", "default", "wanted"),
    [
        ({}, None, ("", "")),
        ({"query": "a garden: ", "document": "a house: "}, None, ("a garden: ", "a house: ")),
        ({"query": "a garden: ", "document": "", "passage": ""}, None, ("a garden: ", "")),
        ({"query": "a garden: "}, "query", ("a garden: ", "")),
        ({"document": "a house: "}, "document", ("", "a house: ")),
        ({"query": "a garden: ", "document": "a house: ", "passage": "x: "}, "passage",
         ("a garden: ", "a house: ")),
        ({"query": "a garden: ", "clustering": "x: "}, None, ("a garden: ", "")),
        (GEMMA, None, (GEMMA["query"], GEMMA["document"])),
    ],
)  # fmt: skip
def test_what_sentence_transformers_itself_puts_before_them_is_taken_without_a_word(
    folder: Path,
    prompts: dict[str, str],
    default: str | None,
    wanted: tuple[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert choose(folder, prompts, default) == wanted
    assert caplog.records == []
    assert differing(folder, wanted) == []


@pytest.mark.parametrize(
    ("prompts", "default", "wanted", "sides"),
    [
        ({"query": "a: ", "passage": "b: "}, None, ("a: ", "b: "), ["pin"]),
        ({"query": "a: ", "document": "", "passage": "b: "}, None, ("a: ", "b: "), ["pin"]),
        ({"query": "a: ", "corpus": "b: "}, None, ("a: ", "b: "), ["pin"]),
        ({"retrieval.query": "a: ", "retrieval.passage": "b: ", "separation": "c: "}, None,
         ("a: ", "b: "), ["query", "pin"]),
        ({"search_query": "a: ", "search_document": "b: ", "classification": "c: "}, None,
         ("a: ", "b: "), ["query", "pin"]),
        ({"Query": "a: ", "Document": "b: "}, None, ("a: ", "b: "), ["query", "pin"]),
        ({"Retrieval-query": "a: ", "Retrieval-document": "b: "}, "Retrieval-query",
         ("a: ", "b: "), ["query", "pin"]),
        ({"web_search_query": "a: ", "sts_query": "c: "}, None, ("a: ", ""), ["query"]),
        ({"garden": "a: "}, "garden", ("a: ", "a: "), ["query", "pin"]),
    ],
)  # fmt: skip
def test_another_choice_is_warned_of_with_what_the_library_takes_and_the_alternatives(
    folder: Path,
    prompts: dict[str, str],
    default: str | None,
    wanted: tuple[str, str],
    sides: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert choose(folder, prompts, default) == wanted
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    said = record.getMessage()
    assert all(f"{name} ({text!r})" in said for name, text in prompts.items() if text)
    assert "sentence-transformers itself would put" in said
    assert "--query-prefix, --pin-prefix" in said
    assert differing(folder, wanted) == sides


def test_prompts_that_nothing_names_are_warned_of(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert choose(folder, {"s2s_query": "a: ", "STS": "b: "}, None) == ("", "")
    assert "nothing before a query" in caplog.text
    assert "s2s_query ('a: ')" in caplog.text


@pytest.mark.parametrize("prompts", [{"query": 3}, ["query: "], "query: "])
def test_prompts_that_are_no_texts_are_refused(tmp_path: Path, prompts: Any) -> None:
    write_settings(tmp_path, prompts, None)
    with pytest.raises(StudentError, match="prompts are texts by name"):
        stated_prefixes(tmp_path)


def choose(folder: Path, prompts: dict[str, str], default: str | None) -> tuple[str, str]:
    write_settings(folder, prompts, default)
    return stated_prefixes(folder)


def write_settings(folder: Path, prompts: Any, default: str | None) -> None:
    settings = {"prompts": prompts, "default_prompt_name": default}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))


def differing(folder: Path, prefixes: tuple[str, str]) -> list[str]:
    """Return the sides on which the library's own embeddings are others."""
    own = SentenceTransformer(str(folder), device="cpu")
    library = {"query": own.encode_query(TEXTS), "pin": own.encode_document(TEXTS)}
    given = [own.encode([prefix + text for text in TEXTS], prompt="") for prefix in prefixes]
    return [
        side
        for (side, wanted), ours in zip(library.items(), given, strict=True)
        if not np.allclose(wanted, ours, atol=1e-5)
    ]
