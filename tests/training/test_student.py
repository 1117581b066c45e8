import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from pintower.artifacts import write_json
from pintower.config import StudentConfig
from pintower.errors import DatasetError
from pintower.models.calibration import Calibration
from pintower.models.distillation import grouped_batches
from pintower.models.encoders import embed_tokens, load_encoder
from pintower.models.pin_inputs import feature_matrix, pin_texts
from pintower.models.query_vectors import QueryVectors
from pintower.models.scoring_head import ScoringHead
from pintower.models.student import load_student
from pintower.models.tokenization import load_tokenizer
from pintower.models.towers import Texts, balanced_inputs, pool_all, project
from pintower.student import run


@pytest.mark.parametrize("trainable", [None, 0, 1])
def test_student_learns_and_its_folder_loads(
    data: Path,
    labels: Path,
    tiny_pins: pl.DataFrame,
    tmp_path: Path,
    student_config: StudentConfig,
    trainable: int | None,
) -> None:
    config = student_config.model_copy(update={"pin_trainable_layers": trainable})
    info = run(config, {"data": data, "labels": labels}, tmp_path)
    student = load_student(tmp_path)
    training = json.loads((tmp_path / "training.json").read_text())
    assert info["pairs"] == 120  # a hundred labels and twenty human levels
    assert training["loss"][-1]["loss"] < training["loss"][0]["loss"] - 0.05
    assert training["loss"][-1]["step"] == info["steps"]
    assert student.embed_pins(tiny_pins).shape == (40, 16)
    assert student.head.match_scale.max() > 1
    frozen = Calibration.load(student)
    assert frozen.pins.features is not None
    assert frozen.pins.features.shape == (40, 4)
    assert not {"lemon cake", "blue sofa"} & set(frozen.queries.texts)  # test and validation
    assert "red shoes" in frozen.queries.texts


def test_frozen_pin_encoder_keeps_its_backbone_and_trains_its_projection(
    data: Path,
    labels: Path,
    tiny_backbone: Path,
    tmp_path: Path,
    student_config: StudentConfig,
) -> None:
    config = student_config.model_copy(update={"pin_trainable_layers": 0})
    run(config, {"data": data, "labels": labels}, tmp_path)
    from transformers import BertModel

    before = BertModel.from_pretrained(tiny_backbone).state_dict()
    encoder = load_student(tmp_path).pin_encoder
    after = encoder[0].auto_model.state_dict()
    assert all(torch.equal(before[name], weight) for name, weight in after.items())
    assert encoder[2].features.weight.abs().max() > 0


def test_embedding_from_pooled_pins_equals_the_encoder_on_their_text(
    tiny_student: Path, tiny_pins: pl.DataFrame
) -> None:
    """Training on cached pools must train the encoder that is exported."""
    student = load_student(tiny_student)
    torch.nn.init.ones_(student.pin_encoder[2].features.weight)
    tokenizer = load_tokenizer(student.layout.pin_encoder, student.rendering.pin_max_tokens)
    texts = Texts(tokenizer, pin_texts(tiny_pins, student.rendering))
    matrix = feature_matrix(tiny_pins, student.columns)
    assert matrix is not None
    vectors = torch.from_numpy(matrix)
    device = torch.device("cpu")
    with torch.inference_mode():
        pooled = pool_all(student.pin_encoder, texts, device, bf16=False)
        cached = project(student.pin_encoder, pooled, vectors)
        tokens = texts.tokens(np.arange(len(tiny_pins)), device)
        direct = embed_tokens(student.pin_encoder, *tokens, vectors)
    torch.testing.assert_close(cached, direct, atol=1e-5, rtol=0)


def test_both_towers_start_from_the_same_axes(
    data: Path, labels: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    """With rates of almost zero the student still has the pretrained encoder's cosine."""
    rates = {"learning_rate": 1e-12, "head_learning_rate": 1e-12, "epochs": 1, "pin_layers": None}
    run(student_config.model_copy(update=rates), {"data": data, "labels": labels}, tmp_path)
    texts = ["red shoes", "lemon cake for your home"]
    first, second = (load_encoder(tmp_path / tower) for tower in ("query_encoder", "pin_encoder"))
    queries = first.encode(texts)
    tokenizer = load_tokenizer(tmp_path / "pin_encoder", 24)
    tokens = Texts(tokenizer, texts).tokens(np.arange(2), torch.device("cpu"))
    pins = embed_tokens(second, *tokens, torch.zeros(2, 4)).detach().numpy()
    np.testing.assert_allclose(queries, pins, atol=1e-4)


def test_balancing_the_inputs_leaves_a_plain_head_of_the_same_function() -> None:
    torch.manual_seed(0)
    head = ScoringHead(4, ["a", "b"], (8,))
    inputs = (torch.randn(3, 4), torch.randn(3, 4), torch.randn(3, 2))
    with balanced_inputs(head):
        inside = head(*inputs)
    torch.testing.assert_close(head(*inputs), inside)
    assert set(head.state_dict()) == set(ScoringHead(4, ["a", "b"], (8,)).state_dict())


def test_batches_hold_every_pair_once_and_a_querys_pairs_together() -> None:
    query = np.repeat(np.arange(10), 16)
    batches = grouped_batches(query, 32, np.random.default_rng(0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(160))
    assert max(len(np.unique(query[batch])) for batch in batches) <= 4
    assert len({tuple(sorted(set(query[batch].tolist()))) for batch in batches}) > 1


def test_student_refuses_to_train_without_labels(
    data: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    empty = tmp_path / "labels"
    empty.mkdir()
    with pytest.raises(DatasetError, match="no labels"):
        run(student_config, {"data": data, "labels": empty}, tmp_path)


def test_prefixes_and_pooling_reach_a_distilled_student(
    data: Path, labels: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    changes = {"query_prefix": "query: ", "pin_prefix": "passage: ", "pooling": "cls", "epochs": 1}
    run(student_config.model_copy(update=changes), {"data": data, "labels": labels}, tmp_path)
    student = load_student(tmp_path)
    assert student.rendering.query_prefix == "query: "
    assert student.rendering.pin_prefix == "passage: "
    assert student.query_encoder[1].pooling_mode == "cls"


def test_student_of_an_encoder_needs_no_labels(
    data: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    config = StudentConfig(method="encoder", query_encoder=str(tiny_backbone))
    info = run(config, {"data": data}, tmp_path)
    assert info == {"pairs": 0, "queries": 0, "head": "cosine"}  # three judged training queries
    assert load_student(tmp_path).head.width == 32


def test_the_query_encoder_learns_from_vectors_of_queries(
    data: Path, labels: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    columns = [{"name": "topic", "width": 2}]
    described = shutil.copytree(data, tmp_path / "data")
    pl.DataFrame(
        {"query": ["red shoes", "garden bench"], "topic": [[1.0, 0.0], [0.0, 1.0]]},
        schema_overrides={"topic": pl.List(pl.Float32)},
    ).write_parquet(described / "queries.parquet")
    told = json.loads((data / "dataset.json").read_text())
    write_json(described / "dataset.json", {**told, "query_feature_columns": columns})
    (tmp_path / "student").mkdir()
    run(student_config, {"data": described, "labels": labels}, tmp_path / "student")
    student = load_student(tmp_path / "student")
    assert student.query_columns == columns
    known = student.query_vectors(described)
    assert known is not None
    given, nothing = (
        student.embed_queries(["red shoes"], vectors)
        for vectors in (known, QueryVectors(width=2, rows={}))
    )
    assert np.abs(given - nothing).max() > 1e-3
