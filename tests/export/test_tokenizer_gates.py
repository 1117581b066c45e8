"""The gates on a query's text: what the encoder's own library makes of it as typed is right."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken

from pintower.export.distinct_gates import distinct_gate
from pintower.export.tokenizer_gates import rendering_gate, tokenizer_gate, vocabulary_gates
from pintower.models.student import Student, load_student
from pintower.models.tokenization import load_tokenizer

Change = Callable[..., tuple[Path, Student]]


@pytest.fixture
def change(tiny_student: Path, tmp_path: Path) -> Change:
    """Give the tiny student's query encoder added tokens and its rendering other settings."""

    def changed(*tokens: AddedToken, **rendering: Any) -> tuple[Path, Student]:
        folder = shutil.copytree(tiny_student, tmp_path / "student")
        encoder = load_student(folder).query_encoder
        encoder[0].tokenizer.add_tokens(list(tokens))
        encoder[0].auto_model.resize_token_embeddings(
            len(encoder[0].tokenizer), mean_resizing=False
        )
        encoder.save(str(folder / "query_encoder"), create_model_card=False)
        text = folder / "text.json"
        text.write_text(json.dumps({**json.loads(text.read_text()), **rendering}))
        student = load_student(folder)
        path = tmp_path / "tokenizer.json"
        limit = student.rendering.query_max_tokens
        load_tokenizer(folder / "query_encoder", limit).save(str(path))
        return path, student

    return changed


def test_case_folded_before_an_added_token_is_looked_for_fails_the_gate(change: Change) -> None:
    path, student = change(AddedToken("iPhone", normalized=False))
    found = tokenizer_gate(path, student)
    assert not found.passed
    assert "added 'iPhone'" in found.detail


@pytest.mark.parametrize(("normalized", "lowercase"), [(False, False), (True, True), (True, False)])
def test_a_rendering_that_agrees_with_the_tokenizer_passes(
    normalized: bool, lowercase: bool, change: Change
) -> None:
    path, student = change(AddedToken("iPhone", normalized=normalized), lowercase=lowercase)
    assert tokenizer_gate(path, student).passed


def test_a_student_distilled_here_is_held_to_what_it_learned_from(change: Change) -> None:
    path, student = change(AddedToken("iPhone", normalized=False))
    student.layout.training.write_text('{"steps": 10}')
    assert tokenizer_gate(path, student).passed


def test_a_special_token_in_the_prefix_fails_the_gate(change: Change) -> None:
    path, student = change(lowercase=False, query_prefix="[CLS] ")
    found = tokenizer_gate(path, student)
    assert not found.passed
    assert "prefix" in found.detail


def test_queries_that_are_rendered_otherwise_than_typed_are_told(
    change: Change, caplog: pytest.LogCaptureFixture
) -> None:
    path, student = change(AddedToken("iPhone", normalized=False))
    queries = ["red shoes", "Red  Shoes", "an iPhone", "\tred"]
    with caplog.at_level(logging.WARNING):
        found = rendering_gate(path, student, queries)
    assert found.measured == 0.25
    assert found.passed
    assert found.detail["such as"] == ["an iPhone"]
    assert "25.0 % of 4 logged queries" in caplog.text


def test_ids_are_compared_with_the_rows_of_the_table(change: Change) -> None:
    path, student = change()
    rows = student.query_encoder[0].auto_model.get_input_embeddings().num_embeddings
    for item in vocabulary_gates(path, student):
        assert item.passed
        assert (item.measured, item.allowed) == (rows - 1, rows - 1)
    tokenizer = load_tokenizer(student.layout.query_encoder, 16)
    tokenizer.add_tokens(["zzzq"])
    tokenizer.save(str(path))
    query, pin = vocabulary_gates(path, student)
    assert (query.name, query.passed, query.measured) == ("query_encoder.vocabulary", False, rows)
    assert pin.passed


def test_queries_of_one_embedding_fail_and_their_share_is_named() -> None:
    texts = [f"query {number}" for number in range(11)]
    same = np.tile(np.eye(1, 8, dtype=np.float32), (11, 1))
    found = distinct_gate("query_encoder", texts, same)
    assert (found.name, found.measured, found.passed) == ("query_encoder.alike", 1.0, False)
    assert found.detail["alike"] == 11
    different = np.eye(11, dtype=np.float32)
    assert distinct_gate("query_encoder", texts, different).measured == 0


def test_a_text_that_comes_twice_is_one_and_few_alike_pass() -> None:
    texts = ["cafe", "café", "tea", "tea", "oak table"]
    rows = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 2]]
    found = distinct_gate("query_encoder", texts, rows)
    assert found.measured == pytest.approx(1 / 3)
    assert found.passed
    assert "such as" in found.detail
