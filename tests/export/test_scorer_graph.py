from pathlib import Path

import numpy as np
import onnx
import pytest

from pintower.contracts import Contract, load_graph_contract
from pintower.export.graphs import EncoderGraph, ScorerGraph
from pintower.export.scorer_gates import invalid_row_faults
from pintower.export.tracing import trace
from pintower.models.onnx_session import GraphScorer, OnnxGraph, open_built_graph, open_graph
from pintower.models.scoring_head import ScoringHead
from pintower.models.student import load_student

SYMBOLS = {"D": 16, "F": 11, "V": 0}


@pytest.fixture
def scorer(exported: Path) -> GraphScorer:
    contract = Contract.load(exported / "contract.json")
    return GraphScorer(open_built_graph(exported, contract, "scorer"))


def inputs(pins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    shapes = ((1, 16), (pins, 16), (pins, 11))
    query, embeddings, matches = (draw.normal(size=shape).astype(np.float32) for shape in shapes)
    return query, embeddings, matches


def test_scores_are_the_heads(scorer: GraphScorer, tiny_student: Path) -> None:
    student = load_student(tiny_student)
    query, pins, matches = inputs(9)
    expected = student.score(np.repeat(query, 9, axis=0), pins, matches)
    scores = scorer.score(query, pins, matches)
    np.testing.assert_allclose(scores.probabilities, expected, atol=1e-6)
    np.testing.assert_allclose(scores.score, expected @ np.arange(1, 6), atol=1e-5)
    assert scores.valid.all()


@pytest.mark.parametrize("pins", [0, 1, 2, 1_000])
def test_any_number_of_pins_is_scored(scorer: GraphScorer, pins: int) -> None:
    scores = scorer.score(*inputs(pins))
    assert scores.probabilities.shape == (pins, 5)
    assert scores.score.shape == scores.valid.shape == (pins,)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_row_that_is_not_finite_is_invalid_and_disturbs_no_other(
    scorer: GraphScorer, value: float
) -> None:
    query, pins, matches = inputs(4)
    clean = scorer.score(query, pins, matches)
    pins[1, 3] = value
    matches[2, 0] = value
    scores = scorer.score(query, pins, matches)
    np.testing.assert_array_equal(scores.valid, [True, False, False, True])
    np.testing.assert_array_equal(scores.score[1:3], 0)
    np.testing.assert_array_equal(scores.probabilities[1:3], 0)
    np.testing.assert_array_equal(scores.score[[0, 3]], clean.score[[0, 3]])


def test_query_that_is_not_finite_makes_every_pin_invalid(scorer: GraphScorer) -> None:
    query, pins, matches = inputs(3)
    query[0, 5] = np.nan
    scores = scorer.score(query, pins, matches)
    assert not scores.valid.any()
    assert not scores.score.any()


def test_gate_finds_a_scorer_that_leaks_nan(tmp_path: Path) -> None:
    class Leaky(ScorerGraph):
        def forward(self, query_embedding, pin_embeddings, match_features):  # noqa: ANN001, ANN202
            safe = super().forward(query_embedding, pin_embeddings, match_features)
            return {**safe, "SCORE": safe["SCORE"] + 0 * pin_embeddings.sum(dim=1)}

    contract = load_graph_contract("scorer").resolve(SYMBOLS)
    head = ScoringHead(16, [f"f{i}" for i in range(11)], (8,)).eval()
    path = tmp_path / "scorer.onnx"
    trace(Leaky(head), contract, path)
    faults = invalid_row_faults(GraphScorer(open_graph(path, contract)), *inputs(6))
    assert any("not 0 at nan in the pin embedding" in fault for fault in faults)


def test_encoder_without_feature_vectors_has_no_such_input(
    tiny_student: Path, tmp_path: Path
) -> None:
    student = load_student(tiny_student)
    contract = load_graph_contract("pin_encoder").resolve(SYMBOLS)
    path = tmp_path / "pin_encoder.onnx"
    trace(EncoderGraph(student.query_encoder), contract, path)
    assert [value.name for value in onnx.load(path).graph.input] == ["INPUT_IDS", "ATTENTION_MASK"]
    graph = open_graph(path, contract)
    assert isinstance(graph, OnnxGraph)
    ids = np.ones((3, 5), dtype=np.int64)
    assert graph.run(ids, ids)[0].shape == (3, 16)
