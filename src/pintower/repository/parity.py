"""Gates on a running server: what is served is what was measured offline."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pintower.gates import Gate, gate
from pintower.models.probes import PROBES
from pintower.models.scores import Scores
from pintower.progress import track
from pintower.repository.offline import OfflineRelease
from pintower.repository.sample import Sample
from pintower.repository.wire import ServedError, Wire, texts

__all__ = ["ask_relevance", "embedding_gate", "parity_gates", "tokenizer_gate"]

_WORST_SHOWN = 3


def ask_relevance(
    wire: Wire, offline: OfflineRelease, query: bytes, pin_ids: Sequence[bytes]
) -> Scores:
    """Return the answer of the ensemble ``relevance``.

    Args:
        wire: to the running server.
        offline: the same release; it knows what goes with a query.
        query: any bytes.
        pin_ids: any bytes each.

    Raises:
        ServedError: if it is an error.
    """
    answer = wire.infer("relevance", {**offline.query_inputs(query), "PIN_IDS": texts(*pin_ids)})
    scores = Scores(answer["PROBABILITIES"], answer["SCORE"], answer["VALID"])
    if not len(scores.probabilities) == len(scores.score) == len(scores.valid) == len(pin_ids):
        raise ServedError(f"relevance: {len(scores.score)} scores for {len(pin_ids)} pins")
    return scores


@dataclass
class _Differences:
    """What was found so far, over all pairs."""

    score: list[NDArray[np.float32]] = field(default_factory=list)
    probabilities: list[NDArray[np.float32]] = field(default_factory=list)
    validity: int = 0
    repeats: int = 0
    invalid: int = 0
    worst: tuple[float, str] = (0.0, "")

    def add(self, query: str, offline: Scores, first: Scores, second: Scores) -> None:
        score = np.abs(first.score - offline.score)
        self.score.append(score)
        self.probabilities.append(np.abs(first.probabilities - offline.probabilities).max(axis=1))
        self.validity += int((first.valid != offline.valid).sum())
        self.invalid += int((~first.valid).sum())
        self.repeats += int((first.score != second.score).sum())
        self.worst = max(self.worst, (float(score.max(initial=0)), query))


def parity_gates(
    wire: Wire, offline: OfflineRelease, samples: Sequence[Sample], *, allowed: float
) -> list[Gate]:
    """Score every sample through ``relevance`` twice (the second from the cache) and offline.

    Args:
        wire: to the running server.
        offline: the same release in this process.
        samples: real queries and candidates.
        allowed: for the largest absolute difference of a relevance score.
    """
    found = _Differences()
    errors: list[str] = []
    for sample in track(samples, "Scoring through Triton", unit="queries"):
        query = sample.query.encode("utf-8", "replace")
        pin_ids = [pin_id.encode() for pin_id in sample.pin_ids]
        try:
            first, second = (ask_relevance(wire, offline, query, pin_ids) for _ in range(2))
        except ServedError as error:
            errors.append(f"{sample.query!r}: {error}")
            continue
        found.add(sample.query, offline.score(query, pin_ids), first, second)
    scores = np.concatenate(found.score) if found.score else np.array([np.nan], np.float32)
    detail = {"pairs": int(len(scores)), "queries": len(found.score)}
    worst = {"worst_query": found.worst[1]} if found.worst[0] > 0 else {}
    failed = {"first_errors": errors[:_WORST_SHOWN]} if errors else {}
    probabilities = [part.max(initial=0) for part in found.probabilities]
    return [
        gate("served_errors", len(errors), 0, unit="queries", detail=failed),
        gate("served_equals_offline", float(scores.max()), allowed, detail=detail | worst),
        gate("served_equals_offline_mean", float(scores.mean()), detail=detail),
        gate("served_probabilities_equal_offline", max(probabilities, default=np.nan), allowed),
        gate(
            "served_validity_equals_offline",
            found.validity,
            0,
            unit="pins",
            detail={"invalid_pins": found.invalid},
        ),
        gate("cached_equals_first", found.repeats, 0, unit="pins"),
    ]


def embedding_gate(
    wire: Wire, offline: OfflineRelease, samples: Iterable[Sample], *, allowed: float
) -> Gate:
    """Compare ``query_embedding`` with the offline embeddings, element by element."""
    name = "query_embedding_equals_offline"
    largest = 0.0
    for sample in samples:
        query = sample.query.encode("utf-8", "replace")
        try:
            answer = wire.infer("query_embedding", offline.query_inputs(query))
        except ServedError as error:
            return gate(name, np.nan, allowed, detail={"error": str(error)})
        difference = np.abs(answer["EMBEDDING"] - offline.embed(query)).max()
        largest = float(np.maximum(largest, difference))  # a NaN stays
    return gate(name, largest, allowed)


def tokenizer_gate(wire: Wire, offline: OfflineRelease) -> Gate:
    """Compare the served token ids with the offline ones on every probe; none may differ."""
    differing: dict[str, str] = {}
    for name, raw in PROBES.items():
        try:
            answer = wire.infer("tokenizer", {"QUERY": texts(raw, shape=(1, 1))})
        except ServedError as error:
            differing[name] = str(error)
            continue
        ids = answer["INPUT_IDS"][0]
        wanted = offline.token_ids(raw)
        if ids[: len(wanted)].tolist() != wanted or (ids[len(wanted) :] >= 0).any():
            differing[name] = f"served {ids.tolist()}, offline {wanted}"
    detail = {"queries": len(PROBES)} | dict(list(differing.items())[:_WORST_SHOWN])
    return gate("tokenizer_golden_set", len(differing), 0, unit="queries", detail=detail)
