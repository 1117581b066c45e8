import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from pintower.artifacts import write_json
from pintower.config import StudentConfig
from pintower.errors import StudentError
from pintower.models.calibration import Calibration
from pintower.models.encoders import embed_tokens
from pintower.models.pin_inputs import feature_matrix, pin_texts
from pintower.models.query_vectors import QueryVectors
from pintower.models.scoring_head import ScoringHead
from pintower.models.student import load_student
from pintower.models.tokenization import load_tokenizer
from pintower.models.towers import Texts, balanced_inputs, pool_all, project
from pintower.models.tuning.learner import Learner
from pintower.models.untuned import untuned_embeddings
from pintower.student import run


def told(folder: Path) -> dict[str, object]:
    return json.loads((folder / "training.json").read_text())


@pytest.mark.parametrize("depth", ["projections", "query", "last", "all"])
def test_student_is_trained_where_it_pays_and_its_folder_loads(
    neighbour_data: Path,
    tiny_pins: pl.DataFrame,
    tiny_backbone: Path,
    tmp_path: Path,
    student_config: StudentConfig,
    depth: str,
) -> None:
    """Nothing tells these levels beforehand, so what is learned pays."""
    rate = 1e-3 if depth == "all" else 3e-3
    changes = {"depths": (depth,), "learning_rate": rate, "pin_layers": None, "epochs": 6}
    info = run(student_config.model_copy(update=changes), {"data": neighbour_data}, tmp_path)
    assert (info["judgments"], info["labels"], info["trained"]) == (800, 0, depth)
    student = load_student(tmp_path)
    assert student.embed_pins(tiny_pins).shape == (40, 16)
    training = told(tmp_path)
    start, *others = training["search"]["candidates"]
    taken = next(row for row in others if row["share"] == training["search"]["share"])
    assert taken["log_loss"] < start["log_loss"]
    assert taken["over_start"]["value"] > 0.01
    assert training["loss"][-1]["loss"] < training["loss"][0]["loss"]
    assert training["loss"][-1]["step"] == training["steps"]

    from transformers import BertModel

    before = BertModel.from_pretrained(tiny_backbone).state_dict()
    moved = {
        side: {name for name, weight in tower[0].auto_model.state_dict().items()
               if not torch.equal(before[name], weight)}
        for side, tower in (("query", student.query_encoder), ("pin", student.pin_encoder))
    }  # fmt: skip
    assert bool(moved["query"]) == (depth != "projections")
    assert bool(moved["pin"]) == (depth in ("last", "all"))
    assert any("layer.0." in name for name in moved["query"]) == (depth in ("query", "all"))


def test_both_backbones_stay_one_where_both_are_trained(
    neighbour_data: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    changes = {"depths": ("all",), "learning_rate": 1e-3, "pin_layers": None, "epochs": 6}
    info = run(student_config.model_copy(update=changes), {"data": neighbour_data}, tmp_path)
    assert info["trained"] == "all"
    student = load_student(tmp_path)
    query, pin = (tower[0].state_dict() for tower in (student.query_encoder, student.pin_encoder))
    assert all(torch.equal(query[name], pin[name]) for name in query)


def test_training_that_does_not_pay_leaves_the_untuned_encoder(
    judged_data: Path, tiny_backbone: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    """With rates of almost zero nothing is better than the start, whose cosine is the encoder's."""
    changes = {"head_learning_rate": 1e-12, "width": None, "pin_layers": None, "epochs": 1}
    info = run(student_config.model_copy(update=changes), {"data": judged_data}, tmp_path)
    assert info["trained"] == "nothing"
    assert "the start" in told(tmp_path)["search"]["reason"]
    student = load_student(tmp_path)
    queries = ["red shoes", "lemon cake"]
    embeddings = student.embed_queries(queries)
    texts = ["red shoes for your home", "a cake"]
    tokens = Texts(load_tokenizer(tmp_path / "pin_encoder", 24), texts).tokens(
        np.arange(2), torch.device("cpu")
    )
    pins = embed_tokens(student.pin_encoder, *tokens, torch.zeros(2, 4)).detach().numpy()
    untuned = [untuned_embeddings(str(tiny_backbone), given, 24) for given in (queries, texts)]
    np.testing.assert_allclose(embeddings @ pins.T, untuned[0] @ untuned[1].T, atol=1e-4)


def test_too_few_judged_queries_train_nothing_and_say_so(
    data: Path,
    labels: Path,
    tmp_path: Path,
    student_config: StudentConfig,
    caplog: pytest.LogCaptureFixture,
) -> None:
    info = run(student_config, {"data": data, "labels": labels}, tmp_path)
    assert info["trained"] == "nothing"
    assert "4 judged" in caplog.text and "nothing is trained" in caplog.text
    frozen = Calibration.load(load_student(tmp_path))
    assert frozen.pins.features is not None
    assert frozen.pins.features.shape == (40, 4)
    assert not {"lemon cake", "blue sofa"} & set(frozen.queries.texts)  # test and validation
    assert "red shoes" in frozen.queries.texts


def test_soft_labels_are_learned_from_and_told(
    judged_data: Path, labels: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    shard = sorted(labels.glob("labels-*.parquet"))[0]
    unjudged = pl.read_parquet(shard).with_columns(pl.lit("a query of the log").alias("query"))
    (tmp_path / "labels").mkdir()
    unjudged.write_parquet(tmp_path / "labels" / "labels-00000.parquet")
    inputs = {"data": judged_data, "labels": tmp_path / "labels"}
    config = student_config.model_copy(update={"depths": ("projections", "query"), "trials": 1})
    info = run(config, inputs, tmp_path)
    assert info["labels"] == 30
    rows = told(tmp_path)["search"]["candidates"]
    best: dict[str, float] = {}
    for row in rows:
        best[row["candidate"]] = max(row["ndcg@20"]["value"], best.get(row["candidate"], 0.0))
    human, soft = "on human levels", "on human levels and soft labels"
    names = list(best)
    assert names[:3] == ["start", f"projections {soft}", f"projections {human}"]
    better = human if best[names[2]] > best[names[1]] else soft
    assert names[3] == f"query {better}"
    assert len(names) <= 5  # what a further trial draws may have been tried


def test_the_same_seed_gives_the_same_weights(
    judged_data: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        run(student_config, {"data": judged_data}, tmp_path / name)
    files = [
        (tmp_path / name / part).read_bytes()
        for part in ("scoring_head/model.safetensors", "query_encoder/2_Dense/model.safetensors")
        for name in ("one", "two")
    ]
    assert files[0] == files[1] and files[2] == files[3]


def test_narrower_widths_are_trained_with_the_full_one_and_keep_their_heads(
    neighbour_data: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    changes = {"depths": ("query",), "learning_rate": 3e-3, "widths": (4, 8), "epochs": 6}
    info = run(student_config.model_copy(update=changes), {"data": neighbour_data}, tmp_path)
    assert info["trained"] == "query"
    student = load_student(tmp_path)
    assert student.head.width == 16
    assert student.layout.widths() == [8, 4]
    heads = [ScoringHead.load(student.layout.narrower_head(width)) for width in (8, 4)]
    assert [head.width for head in heads] == [8, 4]
    full, *narrower = told(tmp_path)["widths"]
    assert [row["width"] for row in (full, *narrower)] == [16, 8, 4]
    assert full["over_full"]["value"] == 0
    taken = told(tmp_path)["search"]
    (row,) = [row for row in taken["candidates"] if row["share"] == taken["share"]]
    assert full["ndcg@20"] == row["ndcg@20"]
    assert full["log_loss"]["value"] == pytest.approx(row["log_loss"])
    for row in narrower:  # levels that nothing tells beforehand: each width has learned some
        assert row["ndcg@20"]["value"] > taken["candidates"][0]["ndcg@20"]["value"]


def test_one_width_alone_is_trained_as_if_there_were_no_others(
    judged_data: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    run(student_config, {"data": judged_data}, tmp_path)
    assert "widths" not in told(tmp_path)
    assert not (tmp_path / "narrower_heads").exists()


def test_where_nothing_is_trained_narrower_heads_are_fitted_to_the_texts(
    data: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    config = student_config.model_copy(update={"widths": (4,)})
    assert run(config, {"data": data}, tmp_path)["trained"] == "nothing"
    assert ScoringHead.load(tmp_path / "narrower_heads" / "4").width == 4


def test_widths_beyond_the_encoders_own_are_refused(
    judged_data: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    config = student_config.model_copy(update={"width": None, "widths": (8, 32)})
    with pytest.raises(StudentError, match=r"holds 32.*have 32 numbers. Give widths from 1 to 31"):
        run(config, {"data": judged_data}, tmp_path)


class Killed(BaseException):
    """Stands for kill -9: nothing in the code catches it."""


@pytest.mark.parametrize("kill_at", [5, 15, 90])
def test_training_that_was_killed_ends_with_the_weights_of_one_that_was_not(
    judged_data: Path,
    tmp_path: Path,
    student_config: StudentConfig,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kill_at: int,
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    config = student_config.model_copy(
        update={"depths": ("query",), "learning_rate": 1e-3, "epochs": 1, "widths": (8,)}
    )
    run(config, {"data": judged_data}, whole)
    forward, calls = Learner.forward, []

    def until_killed(self: Learner, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        calls.append(rows)
        if len(calls) == kill_at:
            raise Killed
        return forward(self, rows)

    monkeypatch.setattr(Learner, "forward", until_killed)
    with pytest.raises(Killed):
        run(config, {"data": judged_data}, killed)
    assert not (killed / "training.json").exists()
    with caplog.at_level("INFO", logger="pintower"):
        run(config, {"data": judged_data}, killed)
    assert ("resuming" in caplog.text) == (kill_at > 10)
    made = {path.relative_to(whole) for path in whole.rglob("*.safetensors")}
    assert made == {path.relative_to(killed) for path in killed.rglob("*.safetensors")}
    for name in made:
        assert (whole / name).read_bytes() == (killed / name).read_bytes(), name
    assert not (killed / "trials").exists()


def test_encoders_of_different_widths_are_refused_without_a_width(
    judged_data: Path, tiny_backbone: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    from transformers import AutoTokenizer, BertConfig, BertModel

    config = BertConfig.from_pretrained(tiny_backbone, hidden_size=48)
    BertModel(config).save_pretrained(tmp_path / "wide")
    AutoTokenizer.from_pretrained(tiny_backbone).save_pretrained(tmp_path / "wide")
    changes = {"pin_encoder": str(tmp_path / "wide"), "width": None}
    with pytest.raises(StudentError, match=r"width 32.*width 48\. Set student.width, to 32"):
        run(student_config.model_copy(update=changes), {"data": judged_data}, tmp_path / "out")
    changes["width"] = 40
    with pytest.raises(StudentError, match="allowed are 1 to 32"):
        run(student_config.model_copy(update=changes), {"data": judged_data}, tmp_path / "out")


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
        pooled = pool_all(student.pin_encoder, texts, device, bf16=False, unit="pins")
        cached = project(student.pin_encoder, pooled, vectors)
        tokens = texts.tokens(np.arange(len(tiny_pins)), device)
        direct = embed_tokens(student.pin_encoder, *tokens, vectors)
    torch.testing.assert_close(cached, direct, atol=1e-5, rtol=0)


def test_balancing_the_inputs_leaves_a_plain_head_of_the_same_function() -> None:
    torch.manual_seed(0)
    head = ScoringHead(4, ["a", "b"], (8,))
    inputs = (torch.randn(3, 4), torch.randn(3, 4), torch.randn(3, 2))
    before = head(*inputs)
    with balanced_inputs(head):
        torch.testing.assert_close(head(*inputs), before)
    torch.testing.assert_close(head(*inputs), before)
    assert set(head.state_dict()) == set(ScoringHead(4, ["a", "b"], (8,)).state_dict())


def test_a_head_standardized_by_other_pairs_keeps_its_function() -> None:
    torch.manual_seed(0)
    head = ScoringHead(4, ["a", "b"], (8,))
    head.standardize(torch.randn(20, 2) * 3 + 1)
    inputs = (torch.randn(3, 4), torch.randn(3, 4), torch.randn(3, 2))
    before = head(*inputs)
    head.restandardize(torch.randn(20, 2) * 7 - 2)
    torch.testing.assert_close(head(*inputs), before, atol=1e-5, rtol=0)


def test_prefixes_and_pooling_reach_the_student(
    judged_data: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    changes = {"query_prefix": "query: ", "pin_prefix": "passage: ", "pooling": "cls", "epochs": 1}
    run(student_config.model_copy(update=changes), {"data": judged_data}, tmp_path)
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
    neighbour_data: Path, tmp_path: Path, student_config: StudentConfig
) -> None:
    columns = [{"name": "topic", "width": 2}]
    described = shutil.copytree(neighbour_data, tmp_path / "data")
    pl.DataFrame(
        {"query": ["red shoes", "garden bench"], "topic": [[1.0, 0.0], [0.0, 1.0]]},
        schema_overrides={"topic": pl.List(pl.Float32)},
    ).write_parquet(described / "queries.parquet")
    given = json.loads((neighbour_data / "dataset.json").read_text())
    write_json(described / "dataset.json", {**given, "query_feature_columns": columns})
    (tmp_path / "student").mkdir()
    run(student_config, {"data": described}, tmp_path / "student")
    student = load_student(tmp_path / "student")
    assert student.query_columns == columns
    known = student.query_vectors(described)
    assert known is not None
    with_vector, without = (
        student.embed_queries(["red shoes"], vectors)
        for vectors in (known, QueryVectors(width=2, rows={}))
    )
    assert np.abs(with_vector - without).max() > 1e-3
