"""Each served gate passes on right answers and fails on the wrong ones it is there for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pintower.gates import failed
from pintower.repository.behaviour import behaviour_gates
from pintower.repository.offline import OfflineRelease
from pintower.repository.parity import embedding_gate, parity_gates, tokenizer_gate
from pintower.repository.sample import Sample, sample_requests
from pintower.repository.wire import ServedError

Answer = dict[str, np.ndarray]


@dataclass
class FakeWire:
    """Answers as the offline release does, then does to the answer what a fault would."""

    offline: OfflineRelease
    fault: Callable[[str, Mapping[str, np.ndarray], Answer], None] = lambda *_: None
    asked: list[str] = field(default_factory=list)

    def infer(self, model: str, inputs: Mapping[str, np.ndarray]) -> Answer:
        """As ``Wire.infer``."""
        self.asked.append(model)
        query = inputs["QUERY"].reshape(-1)[0]
        answer: dict[str, Any]
        if model == "tokenizer":
            answer = {"INPUT_IDS": self.offline.encoder_inputs(query)["INPUT_IDS"][None]}
        elif model == "query_embedding":
            answer = {"EMBEDDING": self.offline.embed(query)}
        else:
            if model == "relevance":
                features = self.offline.features(query, inputs["PIN_IDS"].tolist())
            else:
                features = (inputs["PIN_EMBEDDINGS"], inputs["MATCH_FEATURES"])
            scores = self.offline.scorer.score(self.offline.embed(query), *features)
            answer = {name.upper(): value.copy() for name, value in vars(scores).items()}
        self.fault(model, inputs, answer)
        return answer


@pytest.fixture(scope="module")
def samples(stage_folders: dict[str, Path], offline: OfflineRelease) -> list[Sample]:
    return sample_requests(stage_folders, offline.snapshot, queries=4, candidates=8, seed=1)


def failed_names(wire: Any, offline: OfflineRelease, samples: list[Sample]) -> set[str]:
    gates = [
        tokenizer_gate(wire, offline),
        *parity_gates(wire, offline, samples, allowed=1e-4),
        embedding_gate(wire, offline, samples, allowed=1e-4),
        *behaviour_gates(wire, offline, samples[0], allowed=1e-4),
    ]
    return {gate.name for gate in failed(gates)}


def test_samples_are_distinct_logged_queries_with_known_pins(
    samples: list[Sample], offline: OfflineRelease
) -> None:
    assert len({sample.query for sample in samples}) == 4
    for sample in samples:
        assert len(set(sample.pin_ids)) == 8
        assert offline.snapshot.look_up([pin.encode() for pin in sample.pin_ids])[1].all()


def test_without_a_log_the_probes_stand_for_it(
    stage_folders: dict[str, Path], offline: OfflineRelease
) -> None:
    inputs = {"pins": stage_folders["pins"]}
    found = sample_requests(inputs, offline.snapshot, queries=3, candidates=4, seed=1)
    assert [sample.query for sample in found][:1] == ["red running shoes"]


def test_right_answers_pass_every_gate(offline: OfflineRelease, samples: list[Sample]) -> None:
    wire = FakeWire(offline)
    assert failed_names(wire, offline, samples) == set()
    assert set(wire.asked) == {
        "tokenizer", "query_embedding", "relevance", "relevance_from_embeddings",
    }  # fmt: skip


def shifted_score(model: str, inputs: Mapping[str, Any], answer: Answer) -> None:
    if model == "relevance":
        answer["SCORE"] += 0.001


def one_id_off(model: str, inputs: Mapping[str, Any], answer: Answer) -> None:
    if model == "tokenizer" and "emoji" not in str(inputs) and b"\xff" in inputs["QUERY"][0, 0]:
        answer["INPUT_IDS"][0, -1] += 1


def nan_score(model: str, inputs: Mapping[str, Any], answer: Answer) -> None:
    if model == "relevance" and len(answer["SCORE"]):
        answer["SCORE"][-1] = np.nan


def nan_embedding(model: str, inputs: Mapping[str, Any], answer: Answer) -> None:
    if model == "query_embedding":
        answer["EMBEDDING"][0, 0] = np.nan


def everything_valid(model: str, inputs: Mapping[str, Any], answer: Answer) -> None:
    if model.startswith("relevance"):
        answer["VALID"][:] = True


def error_without_pins(model: str, inputs: Mapping[str, Any], answer: Answer) -> None:
    if model == "relevance" and not len(inputs["PIN_IDS"]):
        raise ServedError("no pins")


def repeats_once(model: str, inputs: Mapping[str, Any], answer: Answer) -> None:
    if model == "relevance":
        ids = inputs["PIN_IDS"].tolist()
        answer["SCORE"][[ids.index(pin) < row for row, pin in enumerate(ids)]] = 0


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (shifted_score, {"served_equals_offline"}),
        (one_id_off, {"tokenizer_golden_set"}),
        (nan_score, {"served_equals_offline"}),
        (nan_embedding, {"query_embedding_equals_offline"}),
        (everything_valid, {"unknown_ids", "own_embeddings"}),
        (error_without_pins, {"no_candidates"}),
        (repeats_once, {"duplicate_ids"}),
    ],
)
def test_a_wrong_answer_fails_the_gate_made_for_it(
    offline: OfflineRelease, samples: list[Sample], fault: Any, expected: set[str]
) -> None:
    assert expected <= failed_names(FakeWire(offline, fault), offline, samples)


def test_a_stale_cache_entry_fails_the_gate(offline: OfflineRelease, samples: list[Sample]) -> None:
    seen: set[bytes] = set()

    def stale(model: str, inputs: Mapping[str, Any], answer: Answer) -> None:
        query = inputs["QUERY"][0, 0]
        if query in seen:
            answer["SCORE"] += 1e-6
        seen.add(query)

    gates = parity_gates(FakeWire(offline, stale), offline, samples, allowed=1e-4)  # type: ignore[arg-type]
    assert [gate.name for gate in failed(gates)] == ["cached_equals_first"]


def test_an_error_for_every_query_fails_instead_of_measuring_nothing(
    offline: OfflineRelease, samples: list[Sample]
) -> None:
    def refuse(*_: Any) -> None:
        raise ServedError("down")

    names = failed_names(FakeWire(offline, refuse), offline, samples[:2])
    assert {"served_errors", "served_equals_offline", "tokenizer_golden_set"} <= names
