"""A plan's rows: what each query encoder costs and loses, and which one is chosen."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pintower.export.timing import Latency
from pintower.targets import Precision

__all__ = ["Plan", "PlanRow", "choose"]


@dataclass(frozen=True)
class PlanRow:
    """One query encoder in one precision.

    Attributes:
        student: name of its folder.
        layers: of the query encoder's backbone; None where it has no such number.
        width: of the embeddings.
        target: the target whose first precision it is.
        precision: how it was built.
        sha256: of its file; an export of the same student for the same target has the same.
        latency: of one query through the query encoder.
        look_up: of the pins of one request in a snapshot.
        scorer: of these pins' scores.
        cost_ms: what rows are compared by: the median of the query encoder, and with students of
            several widths those of look-up and scorer on top.
        megabytes: of the query encoder's file.
        snapshot_bytes: of a snapshot of the plan's pins in fp32, ids and terms included.
        ndcg: mean nDCG@20.
        ndcg_loss: of nDCG@20 against the first student in torch, as a share of it.
        ndcg_low: lower end of its 95 % interval.
        ndcg_high: upper end.
        language: the one that loses most; None where the judgments are of one alone.
        language_loss: of its nDCG@20, as a share of it.
        score_mean_abs: mean difference of a relevance score from the first student's.
        batch_sensitivity: by how much a batch can move a cosine.
        failed: names of gates it does not pass, the loss of nDCG left aside.
        efficient: no other row is both faster and loses less.
        verdict: in words: chosen, on the front, the gates it fails, or nothing.
    """

    student: str
    layers: int | None
    width: int
    target: str
    precision: Precision
    sha256: str
    latency: Latency
    look_up: Latency
    scorer: Latency
    cost_ms: float
    megabytes: float
    snapshot_bytes: int
    ndcg: float
    ndcg_loss: float
    ndcg_low: float
    ndcg_high: float
    language: str | None
    language_loss: float
    score_mean_abs: float
    batch_sensitivity: float
    failed: tuple[str, ...]
    efficient: bool = False
    verdict: str = ""


@dataclass(frozen=True)
class Plan:
    """What was measured, and the row that was chosen.

    Attributes:
        rows: the fastest first.
        chosen: position of the fastest row that passes its gates within the budget; None where
            there is none.
        max_loss: the budget, as a share of nDCG@20.
        queries: judged queries it was measured on.
        widths: of the students' embeddings, the widest first.
        pins: of the snapshots that were looked up in.
        candidates: pins of a request.
        onnxruntime: version that was timed, on one thread.
    """

    rows: tuple[PlanRow, ...]
    chosen: int | None
    max_loss: float
    queries: int
    widths: tuple[int, ...]
    pins: int
    candidates: int
    onnxruntime: str

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def choose(rows: Sequence[PlanRow], max_loss: float) -> tuple[list[PlanRow], int | None]:
    """Return rows with their verdicts, the fastest first, and the position of the chosen one.

    Args:
        rows: in any order.
        max_loss: the budget, as a share of nDCG@20.
    """
    ordered = _mark_efficient(sorted(rows, key=lambda row: row.cost_ms))
    good = [
        place for place, row in enumerate(ordered) if not row.failed and row.ndcg_loss <= max_loss
    ]
    chosen = good[0] if good else None
    return [
        replace(row, verdict=_verdict(row, place == chosen)) for place, row in enumerate(ordered)
    ], chosen


def _mark_efficient(rows: Sequence[PlanRow]) -> list[PlanRow]:
    """Mark the rows, the fastest first, that lose less than every faster one."""
    marked, least = [], float("inf")
    for row in rows:
        efficient = not row.failed and row.ndcg_loss < least
        least = min(least, row.ndcg_loss) if efficient else least
        marked.append(replace(row, efficient=efficient))
    return marked


def _verdict(row: PlanRow, chosen: bool) -> str:
    if row.failed:
        return f"fails {', '.join(row.failed)}"
    return "chosen" if chosen else "on the front" if row.efficient else ""
