"""Gates on a running server: odd requests are answered as designed, never with an error."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pintower.gates import Gate, gate
from pintower.models.probes import PROBES
from pintower.models.scores import Scores
from pintower.repository.offline import OfflineRelease
from pintower.repository.parity import ask_relevance
from pintower.repository.sample import Sample
from pintower.repository.wire import ServedError, Wire

__all__ = ["behaviour_gates"]

_UNKNOWN = (b"", b"no such pin", b"\xff\xfe", b"x" * 100_000, "🚫".encode())


@dataclass(frozen=True)
class _Subject:
    """What the checks ask, and whom."""

    wire: Wire
    offline: OfflineRelease
    query: bytes
    pin_ids: Sequence[bytes]
    allowed: float

    def ask(self, pin_ids: Sequence[bytes], query: bytes | None = None) -> Scores:
        """Return the served answer, to the subject's own query if none is given."""
        return ask_relevance(
            self.wire, self.offline, self.query if query is None else query, pin_ids
        )

    def differs(self, served: Scores, offline: Scores) -> bool:
        """Say whether an answer is not the offline one."""
        return (
            served.score.shape != offline.score.shape
            or served.probabilities.shape != offline.probabilities.shape
            or bool((served.valid != offline.valid).any())
            or not bool((np.abs(served.score - offline.score) <= self.allowed).all())
        )


def behaviour_gates(
    wire: Wire, offline: OfflineRelease, sample: Sample, *, allowed: float
) -> list[Gate]:
    """Send odd requests and count the wrong answers of each kind; none is allowed.

    Args:
        wire: to the running server.
        offline: the same release in this process.
        sample: a request whose pins are known.
        allowed: for the absolute difference of a relevance score.
    """
    pin_ids = [pin_id.encode() for pin_id in sample.pin_ids]
    subject = _Subject(wire, offline, sample.query.encode("utf-8", "replace"), pin_ids, allowed)
    return [_count(name, check, subject) for name, check in _CHECKS.items()]


def _count(name: str, check: Callable[[_Subject], list[str]], subject: _Subject) -> Gate:
    try:
        wrong = check(subject)
    except ServedError as error:
        wrong = [str(error)]
    detail = {"found": wrong[:3]} if wrong else {}
    return gate(name, len(wrong), 0, unit="wrong answers", detail=detail)


def _unknown_ids(subject: _Subject) -> list[str]:
    """Unknown ids among known ones: invalid with score 0, and the others as without them."""
    mixed = [*_UNKNOWN, *subject.pin_ids]
    answer = subject.ask(mixed)
    alone = subject.ask(subject.pin_ids)
    count = len(_UNKNOWN)
    wrong = []
    if answer.valid[:count].any() or answer.score[:count].any():
        wrong.append("an unknown id was given a score")
    if answer.probabilities[:count].any():
        wrong.append("an unknown id was given probabilities")
    rest = Scores(answer.probabilities[count:], answer.score[count:], answer.valid[count:])
    if subject.differs(rest, alone):
        wrong.append("unknown ids changed the scores of known ones")
    only = subject.ask(_UNKNOWN)
    if only.valid.any() or only.score.any():
        wrong.append("a request of unknown ids only was given a score")
    return wrong


def _duplicates(subject: _Subject) -> list[str]:
    """The same pin twice: the same score twice."""
    answer = subject.ask([*subject.pin_ids, *subject.pin_ids])
    count = len(subject.pin_ids)
    same = np.abs(answer.score[:count] - answer.score[count:]) <= subject.allowed
    return [] if len(answer.score) == 2 * count and same.all() else ["repeated pins differ"]


def _no_candidates(subject: _Subject) -> list[str]:
    """No pins: an answer of no rows."""
    answer = subject.ask([])
    shapes = (answer.probabilities.shape, answer.score.shape, answer.valid.shape)
    return [] if shapes == ((0, 5), (0,), (0,)) else [f"shapes {shapes}"]


def _odd_queries(subject: _Subject) -> list[str]:
    """Every probe of the tokenizer's golden set: the offline scores."""
    wrong = []
    for name, raw in PROBES.items():
        try:
            served = subject.ask(subject.pin_ids, raw)
        except ServedError as error:
            wrong.append(f"{name}: {error}")
            continue
        if subject.differs(served, subject.offline.score(raw, subject.pin_ids)):
            wrong.append(name)
    return wrong


def _own_embeddings(subject: _Subject) -> list[str]:
    """``relevance_from_embeddings``: the scores of ``relevance``; rows not finite are invalid."""
    embeddings, matches = subject.offline.features(subject.query, subject.pin_ids)
    wanted = subject.ask(subject.pin_ids)
    wrong = []
    if subject.differs(_from_embeddings(subject, embeddings, matches), wanted):
        wrong.append("other scores than relevance")
    for value in (np.nan, np.inf, -np.inf):
        for part in (0, 1):
            broken = (embeddings.copy(), matches.copy())
            broken[part][0, -1] = value
            answer = _from_embeddings(subject, *broken)
            rest = Scores(answer.probabilities[1:], answer.score[1:], answer.valid[1:])
            others = Scores(wanted.probabilities[1:], wanted.score[1:], wanted.valid[1:])
            if answer.valid[0] or answer.score[0] or subject.differs(rest, others):
                wrong.append(f"{value} in {('PIN_EMBEDDINGS', 'MATCH_FEATURES')[part]}")
    empty = _from_embeddings(subject, embeddings[:0], matches[:0])
    if empty.probabilities.shape != (0, 5) or len(empty.score) or len(empty.valid):
        wrong.append(f"no candidates give probabilities of shape {empty.probabilities.shape}")
    return wrong


def _from_embeddings(
    subject: _Subject, embeddings: NDArray[np.float32], matches: NDArray[np.float32]
) -> Scores:
    inputs = {
        **subject.offline.query_inputs(subject.query),
        "PIN_EMBEDDINGS": embeddings,
        "MATCH_FEATURES": matches,
    }
    answer = subject.wire.infer("relevance_from_embeddings", inputs)
    return Scores(answer["PROBABILITIES"], answer["SCORE"], answer["VALID"])


_CHECKS: Mapping[str, Callable[[_Subject], list[str]]] = {
    "unknown_ids": _unknown_ids,
    "duplicate_ids": _duplicates,
    "no_candidates": _no_candidates,
    "odd_queries": _odd_queries,
    "own_embeddings": _own_embeddings,
}
