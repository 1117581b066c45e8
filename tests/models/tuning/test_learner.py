from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
import torch

from pintower.models.pairs import number_pairs
from pintower.models.pin_inputs import feature_matrix, pin_texts
from pintower.models.scoring_head import ScoringHead
from pintower.models.student import load_student
from pintower.models.tokenization import load_tokenizer
from pintower.models.towers import Texts
from pintower.models.tuning.learner import Examples, Inputs, Learner, Pooled
from pintower.models.tuning.losses import total_loss
from pintower.text.match_features import FEATURES

LOSSES: dict[Any, float] = {"cross_entropy": 1.0, "pairwise": 1.0}


@pytest.fixture
def learner(tiny_student: Path, tiny_pins: pl.DataFrame) -> Learner:
    """The tiny student over forty pairs of two queries, with heads of widths 16, 8 and 4."""
    student = load_student(tiny_student)
    queries = ["red shoes"] * 20 + ["blue sofa"] * 20
    pairs = number_pairs(queries, tiny_pins["pin_id"].to_list(), tiny_pins)
    vectors = feature_matrix(pairs.pins, student.columns)
    assert vectors is not None
    layout = student.layout
    texts = pin_texts(pairs.pins, student.rendering)
    inputs = Inputs(
        pairs=pairs,
        queries=Texts(load_tokenizer(layout.query_encoder, 16), pairs.queries),
        pins=Texts(load_tokenizer(layout.pin_encoder, 24), texts),
        trained_pins=Texts(load_tokenizer(layout.pin_encoder, 24), texts),
        query_vectors=None,
        pin_vectors=torch.from_numpy(vectors),
        matches=torch.randn(40, len(FEATURES), generator=torch.Generator().manual_seed(0)),
    )
    targets = torch.eye(5)[torch.arange(40) % 5]
    examples = Examples(inputs, targets, np.ones(40, dtype=bool), np.zeros(40, dtype=np.int64))
    torch.manual_seed(1)
    return Learner(
        student.query_encoder,
        student.pin_encoder,
        [ScoringHead(width, FEATURES, (8,)) for width in (16, 8, 4)],
        examples,
        cast(Pooled, Pooled(torch.zeros(0), torch.zeros(0))),
        frozen=(False, False),
        losses=LOSSES,
        bf16=False,
    )


def test_loss_is_the_mean_over_the_widths_of_cut_and_normalized_embeddings(
    learner: Learner,
) -> None:
    rows, pairs = np.arange(40), learner.examples.inputs.pairs
    inputs = learner.examples.inputs
    queries = learner._embed(learner.query_encoder, inputs.queries, None, None, pairs.query)
    pins = learner._embed(learner.pin_encoder, inputs.pins, None, inputs.pin_vectors, pairs.pin)
    losses = []
    for head in learner.heads:
        cut = [part[:, : head.width] for part in (queries, pins)]
        unit = [part / part.norm(dim=1, keepdim=True) for part in cut]
        logits = head(*unit, inputs.matches)
        torch.testing.assert_close(
            logits, learner.logits(rows)[learner.heads.index(head)], atol=1e-5, rtol=0
        )
        query = torch.from_numpy(pairs.query)
        losses.append(float(total_loss(LOSSES, logits, learner.examples.targets, query).detach()))
    loss = float(learner(torch.arange(40))["loss"].detach())
    assert loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert len({round(value, 4) for value in losses}) == 3


def test_every_head_is_trained_and_predicts_as_in_training(learner: Learner) -> None:
    torch.autograd.backward(learner(torch.arange(40))["loss"])
    for head in learner.heads:
        assert all(weight.grad is not None for weight in head.parameters())
    rows = np.arange(40)
    torch.testing.assert_close(
        learner.predict(rows), learner.logits(rows).detach(), atol=1e-5, rtol=0
    )


def test_training_may_read_less_of_a_pin_than_is_served(
    learner: Learner, tiny_student: Path
) -> None:
    """What is predicted of held-out pins is of their whole texts."""
    inputs, rows = learner.examples.inputs, np.arange(40)
    whole = learner.predict(rows)
    short = Texts(
        load_tokenizer(load_student(tiny_student).layout.pin_encoder, 5), inputs.pins.rendered
    )
    learner.examples = replace(learner.examples, inputs=replace(inputs, trained_pins=short))
    assert not torch.allclose(learner.logits(rows).detach(), whole, atol=1e-4)
    torch.testing.assert_close(learner.predict(rows), whole)
