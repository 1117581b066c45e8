import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

from pintower import labels
from pintower import teacher as stage
from pintower.config import LabelsConfig, TeacherConfig
from pintower.errors import DatasetError, StudentError
from pintower.models.cross_encoder import (
    CrossEncoder,
    Encoding,
    build_cross_encoder,
    fingerprint,
)
from pintower.models.pairs import number_pairs
from pintower.models.pin_inputs import pin_texts
from pintower.teacher import run
from pintower.text.rendering import render_pin
from tests.training.conftest import THINGS, judge, judge_many, write_data


def test_teacher_learns_levels_that_follow_from_the_words(
    tiny_pins: pl.DataFrame, tmp_path: Path, teacher_config: TeacherConfig
) -> None:
    """Each of five things has a level of its own, here also under a query never trained on."""
    levels = {
        pin_id: next(n for n, thing in enumerate(THINGS, start=1) if thing in title)
        for pin_id, title in tiny_pins.select("pin_id", "title").iter_rows()
    }
    level = pl.col("pin_id").replace_strict(levels, return_dtype=pl.Int8).alias("level")
    judgments = judge(tiny_pins).with_columns(level)
    data = write_data(tmp_path / "data", tiny_pins, judgments=judgments)
    config = teacher_config.model_copy(update={"epochs": 16})
    info = run(config, {"data": data}, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert info["pairs"] == 120
    assert metrics["steps"] == info["steps"] == 16 * 15
    assert metrics["loss"][-1]["loss"] < 0.4
    assert metrics["validation"]["models"]["teacher"]["accuracy"]["value"] > 0.9
    assert sorted(path.name for path in tmp_path.glob("check*")) == []


def test_a_teacher_starts_as_the_fitted_baseline_and_keeps_no_step_that_is_worse(
    judged_data: Path, tmp_path: Path, teacher_config: TeacherConfig
) -> None:
    """The match features tell these levels; a network of random weights can only spoil them."""
    changes = {"epochs": 1, "learning_rate": 0.3, "head_learning_rate": 3.0}
    info = run(teacher_config.model_copy(update=changes), {"data": judged_data}, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    figures = metrics["validation"]["models"]
    assert metrics["checks"][0]["step"] == 0
    ranked = figures["start"]["ndcg@20"]["value"]
    assert metrics["checks"][0]["value"] == pytest.approx(ranked, abs=1e-5)
    assert metrics["taken_at_step"] == 0
    assert figures["teacher"]["ndcg@20"] == figures["start"]["ndcg@20"]
    assert {"bm25", "cosine", "mixture"} < set(figures)
    assert info["labels"] is metrics["labels"] is False
    assert "best baseline" in metrics["reason"]
    assert metrics["queries"] == 16  # a fifth of the twenty training queries is held out
    assert metrics["held_out_queries"] == {"of_validation_split": 0, "of_training_split": 4}


def test_of_very_many_held_out_queries_some_are_looked_at(
    tiny_pins: pl.DataFrame,
    tmp_path: Path,
    teacher_config: TeacherConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """None of the others is learned from."""
    monkeypatch.setattr(stage, "_MOST_HELD_OUT", 3)
    judgments = judge_many(tiny_pins)
    held_out = judgments["query"].unique(maintain_order=True)[:5]
    split = pl.when(pl.col("query").is_in(held_out.implode())).then(pl.lit("validation"))
    judgments = judgments.with_columns(split=split.otherwise(pl.col("split")))
    data = write_data(tmp_path / "data", tiny_pins, judgments=judgments)
    run(teacher_config.model_copy(update={"epochs": 1}), {"data": data}, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["held_out_queries"] == {"of_validation_split": 3, "of_training_split": 0}
    assert metrics["validation"]["queries"] == 3
    left = judgments.filter(split="train")
    assert (metrics["queries"], metrics["pairs"]) == (left["query"].n_unique(), len(left))


def test_a_loaded_teacher_judges_as_the_saved_one(
    judged_data: Path, tiny_pins: pl.DataFrame, tmp_path: Path, teacher_config: TeacherConfig
) -> None:
    config = teacher_config.model_copy(update={"epochs": 1})
    run(config, {"data": judged_data}, tmp_path)
    teacher = CrossEncoder.load(tmp_path)
    assert teacher.start is not None
    pairs = number_pairs(["red shoes", "lemon cake"], ["pin-000", "pin-003"], tiny_pins)
    given = teacher.judge(pairs, 2)
    logits = np.log(given) * teacher.temperature
    own = teacher.probabilities(pairs.queries, pin_texts(pairs.pins, teacher.rendering), 2)
    added = np.log(own) * teacher.temperature + teacher.start.logits(teacher.start.signals(pairs))
    spread = (logits - added) - (logits - added).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(spread, 0, atol=1e-3)


def test_the_fingerprint_follows_the_start_too(
    judged_data: Path, tmp_path: Path, teacher_config: TeacherConfig
) -> None:
    run(teacher_config.model_copy(update={"epochs": 1}), {"data": judged_data}, tmp_path)
    before = fingerprint(tmp_path)
    teacher = CrossEncoder.load(tmp_path)
    assert teacher.start is not None
    replace(teacher.start, bias=teacher.start.bias + 1).save(tmp_path)
    assert fingerprint(tmp_path) != before


class Killed(BaseException):
    """Stands for kill -9: nothing in the code catches it."""


@pytest.mark.parametrize("moment", ["training", "labelling rights"])
def test_a_killed_teacher_ends_as_an_unkilled_one(
    judged_data: Path,
    tmp_path: Path,
    teacher_config: TeacherConfig,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    """Killed in its last epoch, or when all that is left is to measure it: nothing is lost."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    config = teacher_config.model_copy(update={"epochs": 2})
    info = run(config, {"data": judged_data}, whole)
    logits, calls = CrossEncoder.logits, []

    def logits_until_killed(teacher: CrossEncoder, pairs: list[Encoding]) -> torch.Tensor:
        calls.append(teacher.model.training)
        if sum(calls) > 0.8 * info["steps"]:
            raise Killed
        return logits(teacher, pairs)

    def die(*args: object, **kwargs: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if moment == "training":
            patch.setattr(CrossEncoder, "logits", logits_until_killed)
        else:
            patch.setattr(stage, "judge_teacher", die)
        with pytest.raises(Killed):
            run(config, {"data": judged_data}, killed)
    assert list(killed.glob("checkpoints/checkpoint-*"))
    trained = []

    def count(teacher: CrossEncoder, pairs: list[Encoding]) -> torch.Tensor:
        trained.append(teacher.model.training)
        return logits(teacher, pairs)

    monkeypatch.setattr(CrossEncoder, "logits", count)
    assert run(config, {"data": judged_data}, killed) == info
    assert sum(trained) < 0.6 * info["steps"]
    assert fingerprint(killed) == fingerprint(whole)
    assert sorted(path.name for path in killed.iterdir()) == sorted(
        path.name for path in whole.iterdir()
    )


def test_teacher_draws_as_many_judgments_as_the_recipe_says(
    data: Path, tmp_path: Path, teacher_config: TeacherConfig
) -> None:
    config = teacher_config.model_copy(update={"epochs": 1, "pairs": 50})
    assert run(config, {"data": data}, tmp_path)["pairs"] == 50


def test_teacher_reads_the_sources_in_the_order_of_the_recipe(
    data: Path, tmp_path: Path, teacher_config: TeacherConfig
) -> None:
    """The labels stage renders pins by the saved rules, so they have to be the trained ones."""
    sources = ("caption", "title")
    config = teacher_config.model_copy(update={"epochs": 1, "pairs": 8, "pin_sources": sources})
    run(config, {"data": data}, tmp_path)
    rendering = CrossEncoder.load(tmp_path).rendering
    assert render_pin({"title": "b", "caption": "a", "description": "c"}, rendering) == "a | b"


def test_teacher_refuses_a_dataset_without_training_judgments(
    tiny_pins: pl.DataFrame, tmp_path: Path, teacher_config: TeacherConfig
) -> None:
    data = write_data(tmp_path / "data", tiny_pins, judgments=judge(tiny_pins, ("lemon cake",)))
    with pytest.raises(DatasetError, match="none of them for training.*Add judgments"):
        run(teacher_config, {"data": data}, tmp_path)


def test_without_any_judgment_no_teacher_is_trained_and_none_labels(
    tiny_pins: pl.DataFrame, tmp_path: Path, teacher_config: TeacherConfig
) -> None:
    data = write_data(tmp_path / "data", tiny_pins)
    (tmp_path / "teacher").mkdir()
    assert run(teacher_config, {"data": data}, tmp_path / "teacher")["labels"] is False
    inputs = {"data": data, "teacher": tmp_path / "teacher"}
    (tmp_path / "labels").mkdir()
    made = labels.run(LabelsConfig(pairs=10), inputs, tmp_path / "labels")
    assert (made["pairs"], made["reason"]) == (0, "there are no judgments to learn from")


def test_teacher_says_so_where_there_is_nothing_to_validate_on(
    tiny_pins: pl.DataFrame, tmp_path: Path, teacher_config: TeacherConfig
) -> None:
    data = write_data(tmp_path / "data", tiny_pins, judgments=judge(tiny_pins, ("red shoes",)))
    config = teacher_config.model_copy(update={"epochs": 1})
    assert run(config, {"data": data}, tmp_path)["validation_ndcg"] is None
    validation = json.loads((tmp_path / "metrics.json").read_text())["validation"]
    assert validation == {"queries": 0, "pairs": 0}
    assert not json.loads((tmp_path / "metrics.json").read_text())["labels"]


def test_teacher_scores_a_pair_alike_alone_and_in_a_batch(teacher: Path) -> None:
    model = CrossEncoder.load(teacher)
    queries = ["red shoes", "blue sofa", "", "lemon " * 40]
    pins = ["red shoes number 1", "", "blue", "a lemon cake " * 30]
    together = model.probabilities(queries, pins, 4)
    alone = np.concatenate(
        [model.probabilities([q], [p], 1) for q, p in zip(queries, pins, strict=True)]
    )
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(together, alone, atol=0.02)  # bfloat16


def test_teacher_cuts_the_pin_and_keeps_the_query(teacher: Path) -> None:
    model = CrossEncoder.load(teacher)
    (short,) = model.encode(["red shoes"], ["sofa"])
    (cut,) = model.encode(["red shoes"], ["sofa cake bench " * 50])
    separator = short["input_ids"].index(model.tokenizer.sep_token_id)
    assert len(cut["input_ids"]) == model.max_length
    assert cut["input_ids"][:separator] == short["input_ids"][:separator]


def test_fingerprint_follows_the_weights_and_not_the_metrics(teacher: Path, tmp_path: Path) -> None:
    model = CrossEncoder.load(teacher)
    model.save(tmp_path, backbone="tiny")
    before = fingerprint(tmp_path)
    (tmp_path / "metrics.json").write_text("{}")
    assert fingerprint(tmp_path) == before
    with torch.no_grad():
        model.model.classifier.bias += 1
    model.save(tmp_path, backbone="tiny")
    assert fingerprint(tmp_path) != before


def test_teacher_works_on_a_decoder_without_padding_token(
    tmp_path: Path, tiny_backbone: Path
) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tiny_backbone)
    decoder = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, eos_token=tokenizer.sep_token
    )
    decoder.save_pretrained(tmp_path)
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, n_positions=64)
    GPT2Model(config).save_pretrained(tmp_path)
    model = build_cross_encoder(str(tmp_path), layers=None, max_length=32, bf16=False)
    together = model.probabilities(["red", "blue"], ["red shoes of mine", "sofa"], 2)
    alone = model.probabilities(["blue"], ["sofa"], 1)
    np.testing.assert_allclose(together[1:], alone, atol=1e-5)


@pytest.mark.parametrize(
    ("layers", "max_length", "message"),
    [(3, 32, "has 2 layers, asked for 3"), (None, 4096, "takes 128 tokens")],
)
def test_teacher_refuses_what_the_backbone_cannot_give(
    tiny_backbone: Path, layers: int | None, max_length: int, message: str
) -> None:
    with pytest.raises(StudentError, match=message):
        build_cross_encoder(str(tiny_backbone), layers=layers, max_length=max_length, bf16=False)


def test_teacher_keeps_the_first_layers_only(tiny_backbone: Path) -> None:
    model = build_cross_encoder(str(tiny_backbone), layers=1, max_length=32, bf16=False)
    assert len(model.model.bert.encoder.layer) == 1


def test_teacher_trains_without_dropout_where_asked(tiny_backbone: Path) -> None:
    settings = {"layers": None, "max_length": 32, "bf16": False}
    own = build_cross_encoder(str(tiny_backbone), **settings)
    without = build_cross_encoder(str(tiny_backbone), dropout=0.0, **settings)
    rates = [
        {part.p for part in model.model.modules() if isinstance(part, torch.nn.Dropout)}
        for model in (own, without)
    ]
    assert rates == [{0.1}, {0.0}]
