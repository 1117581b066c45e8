"""The planner: which query encoder in which precision, by what it costs and what it loses."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pintower.artifacts import hash_file
from pintower.config import ExportConfig
from pintower.contracts import BuiltGraph
from pintower.errors import InputError, StudentError
from pintower.export.build import GraphBuilder
from pintower.export.choice import NoSuchForm
from pintower.export.parity import Measurement
from pintower.export.reference import Reference
from pintower.export.timing import Latency, time_side_by_side
from pintower.gates import Gate, failed
from pintower.models.first_module import backbone_config
from pintower.models.onnx_session import GraphEncoder, OnnxGraph, open_graph
from pintower.models.student import Student, load_student
from pintower.targets import Precision, Target, load_target

__all__ = ["Plan", "PlanRow", "make_plan"]

_TIMED_QUERIES = 200


@dataclass(frozen=True)
class PlanRow:
    """One query encoder in one precision.

    Attributes:
        student: name of its folder.
        layers: of the query encoder's backbone; None where it has no such number.
        target: the target whose first precision it is.
        precision: how it was built.
        sha256: of its file; an export of the same student for the same target has the same.
        latency: of one query.
        megabytes: of the file.
        ndcg_loss: of nDCG@20 against the first student in torch, as a share of it.
        ndcg_low: lower end of its 95 % interval.
        ndcg_high: upper end.
        score_mean_abs: mean difference of a relevance score from the first student's.
        batch_sensitivity: by how much a batch can move a cosine.
        failed: names of gates it does not pass, the loss of nDCG left aside.
        efficient: no other row is both faster and loses less.
        verdict: in words: chosen, on the front, the gates it fails, or nothing.
    """

    student: str
    layers: int | None
    target: str
    precision: Precision
    sha256: str
    latency: Latency
    megabytes: float
    ndcg_loss: float
    ndcg_low: float
    ndcg_high: float
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
        onnxruntime: version that was timed, on one thread.
    """

    rows: tuple[PlanRow, ...]
    chosen: int | None
    max_loss: float
    queries: int
    onnxruntime: str

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def make_plan(
    students: Sequence[Path],
    targets: Sequence[str],
    data: Path,
    folder: Path,
    *,
    max_loss: float,
    config: ExportConfig,
    rounds: int = 5,
) -> Plan:
    """Build every combination, measure it, and choose.

    Args:
        students: folders with one and the same pin encoder and scoring head; the first is what the
            others are held to.
        targets: names; the first precision of each is built.
        data: a data stage's folder, with judgments.
        folder: keeps the graphs, ``<student>-<target>/query_encoder.onnx``.
        max_loss: of nDCG@20, as a share of it.
        config: sizes and seed of the samples.
        rounds: of the timing.

    Raises:
        InputError: if the data holds no judgments, or a target is unknown or runs on a GPU.
        StudentError: if a student cannot be loaded or its pins lie in another space.
    """
    loaded = [load_student(path) for path in students]
    for student in loaded[1:]:
        _require_same_pins(loaded[0], student)
    settings = [load_target(name) for name in targets]
    if elsewhere := [target.name for target in settings if target.device != "cpu"]:
        raise InputError(
            f"A plan is timed on the CPU, and {', '.join(elsewhere)} would run on a GPU. Give CPU "
            "targets."
        )
    first = Reference(config, loaded[0], data)
    if first.judged is None:
        raise InputError(
            f"{data} holds no query with pins of two levels, so no loss can be measured. Give a "
            "dataset with judgments."
        )
    built: dict[str, tuple[BuiltGraph, list[Gate], Student, Target]] = {}
    graphs: dict[str, OnnxGraph] = {}
    queries: dict[str, list[tuple[NDArray[Any], ...]]] = {}
    for student in loaded:
        reference = Reference(config, student, data)
        asked = first.judged.pairs.queries[:_TIMED_QUERIES]
        texts, known = reference.rendered(asked), reference.matrix(asked)
        for target in settings:
            name = f"{student.layout.root.name}-{target.name}"
            place = folder / name
            place.mkdir(parents=True, exist_ok=True)
            graph, gates = _build(student, target, reference, first, place)
            built[name] = (graph, gates, student, target)
            graphs[name] = open_graph(place / graph.file, graph)
            encoder = GraphEncoder(graphs[name], reference.query_tokenizer)
            queries[name] = [
                encoder.inputs([text], None if known is None else known[row : row + 1])
                for row, text in enumerate(texts)
            ]
    latency = time_side_by_side(graphs, queries, rounds=rounds)
    rows = [
        _row(*built[name], latency[name], (folder / name / built[name][0].file).stat().st_size)
        for name in built
    ]
    rows = _mark_efficient(sorted(rows, key=lambda row: row.latency.p50_ms))
    good = [place for place, row in enumerate(rows) if not row.failed and row.ndcg_loss <= max_loss]
    chosen = good[0] if good else None
    return Plan(
        rows=tuple(
            replace(row, verdict=_verdict(row, place == chosen)) for place, row in enumerate(rows)
        ),
        chosen=chosen,
        max_loss=max_loss,
        queries=len(np.unique(first.judged.pairs.query[first.judged.drawn])),
        onnxruntime=onnxruntime.__version__,
    )


def _build(
    student: Student, target: Target, own: Reference, first: Reference, folder: Path
) -> tuple[BuiltGraph, list[Gate]]:
    """Build a query encoder; measure it against its own torch, its ranking against the first's."""
    builder = GraphBuilder(
        student, target, folder, lambda name: own.calibration(name, target.calibration.texts)
    )
    graph = _first_form(builder, target.precision["query_encoder"])
    measurement = Measurement(own, target, folder)
    gates = measurement.structure(graph)
    if not failed(gates):
        gates += measurement.encoder(graph) + measurement.ranking(graph, first)
    return graph, gates


def _first_form(builder: GraphBuilder, precisions: Sequence[Precision]) -> BuiltGraph:
    """Build the first precision in which the query encoder has a form."""
    for precision in precisions[:-1]:
        try:
            return builder.build("query_encoder", precision)
        except NoSuchForm:
            continue
    return builder.build("query_encoder", precisions[-1])


def _row(
    graph: BuiltGraph,
    gates: Sequence[Gate],
    student: Student,
    target: Target,
    latency: Latency,
    size: int,
) -> PlanRow:
    by_name = {item.name: item for item in gates}
    nothing = Gate("", float("nan"), None, "lower", True)
    loss = by_name.get("ranking.ndcg_loss_rel", nothing)
    losses = ("ndcg_loss_rel", "language_ndcg_loss_rel")
    aside = {f"ranking.{name}{end}" for name in losses for end in ("", "_low")}
    aside |= {"ranking.top8_flips", "query_encoder.language_cosine"}
    config = backbone_config(student.query_encoder)
    return PlanRow(
        student=student.layout.root.name,
        layers=getattr(config, "num_hidden_layers", None),
        target=target.name,
        precision=graph.precision,
        sha256=graph.sha256,
        latency=latency,
        megabytes=size / 1e6,
        ndcg_loss=loss.measured,
        ndcg_low=loss.detail.get("low", float("nan")),
        ndcg_high=loss.detail.get("high", float("nan")),
        score_mean_abs=by_name.get("ranking.score_mean_abs", nothing).measured,
        batch_sensitivity=by_name.get("query_encoder.batch_sensitivity", nothing).measured,
        failed=tuple(item.name for item in failed(gates) if item.name not in aside),
    )


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


def _require_same_pins(first: Student, other: Student) -> None:
    """Refuse a student whose pins would have to be embedded again.

    Raises:
        StudentError: naming both.
    """
    for part in ("pin_encoder", "scoring_head"):
        hashes = [
            {
                path.name: hash_file(path)
                for path in getattr(item.layout, part).rglob("*.safetensors")
            }
            for item in (first, other)
        ]
        if hashes[0] != hashes[1]:
            raise StudentError(
                f"{other.layout.root} has another {part} than {first.layout.root}: a plan compares "
                "query encoders in front of the same pins and the same scoring head."
            )
