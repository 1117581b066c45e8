"""The release in another process's ONNX Runtime, and the gates between two runtimes."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from pintower.gates import failed
from pintower.models.scores import Scores
from pintower.repository.offline import OfflineRelease, open_reference
from pintower.repository.parts import Parts
from pintower.repository.runtimes import runtime_gates
from pintower.repository.sample import Sample

PYTHON = Path(sys.executable)
SAMPLES = [
    Sample("red shoes", ("pin-000", "pin-001", "pin-002")),
    Sample("", ("pin-003", "nothing")),
]


def test_a_worker_of_the_same_runtime_gives_the_same_bits(
    offline: OfflineRelease, parts: Parts
) -> None:
    with open_reference(offline, parts, PYTHON) as reference:
        assert reference.runtime == onnxruntime.__version__
        for pin_ids in ([b"pin-001", b"\xff"], []):
            ours = offline.score(b"red shoes", pin_ids)
            theirs = reference.score(b"red shoes", pin_ids)
            for name, array in vars(ours).items():
                np.testing.assert_array_equal(array, getattr(theirs, name))


def test_runtimes_that_agree_pass_and_one_that_differs_fails(
    offline: OfflineRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert failed(runtime_gates(offline, offline, SAMPLES, allowed=1e-4, min_cosine=0.99)) == []

    class Reversed(type(offline.scorer)):  # type: ignore[misc]
        def score(self, *parts: np.ndarray) -> Scores:
            scores = super().score(*parts)
            return replace(scores, score=np.where(scores.valid, 6 - scores.score, 0))

    other = replace(offline, scorer=Reversed(offline.scorer.graph), runtime="other")
    gates = {
        gate.name: gate
        for gate in runtime_gates(offline, other, SAMPLES, allowed=1e-4, min_cosine=0.99)
    }
    assert not gates["runtimes_agree"].passed
    assert gates["runtimes_flips"].measured == 3
    told = runtime_gates(offline, other, SAMPLES, allowed=None, min_cosine=0.99)
    assert failed(told) == []
    assert told[0].measured == gates["runtimes_agree"].measured > 0


def test_an_embedding_that_turns_between_runtimes_fails(offline: OfflineRelease) -> None:
    class Turned(type(offline.encoder)):  # type: ignore[misc]
        def embed(self, *parts: Any, **options: Any) -> np.ndarray:
            return -super().embed(*parts, **options)

    other = replace(offline, encoder=Turned(offline.encoder.graph, offline.encoder.tokenizer))
    gates = runtime_gates(offline, other, SAMPLES, allowed=None, min_cosine=0.9)
    assert [gate.name for gate in failed(gates)] == ["runtimes_min_cosine"]
