"""The planner: which student's query encoder in which precision, by what it costs and loses."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime
import polars as pl
from numpy.typing import NDArray

from pintower.config import ExportConfig
from pintower.contracts import BuiltGraph
from pintower.data.tables import PINS, read_table
from pintower.errors import InputError
from pintower.export.build import GraphBuilder
from pintower.export.choice import NoSuchForm
from pintower.export.parity import Measurement
from pintower.export.pin_cost import MOST_PINS, PinCost
from pintower.export.plan_rows import Plan, PlanRow, choose
from pintower.export.reference import Reference
from pintower.export.timing import Call, Latency, time_side_by_side
from pintower.gates import Gate, failed
from pintower.models.first_module import backbone_config
from pintower.models.onnx_session import GraphEncoder, open_graph
from pintower.models.student import Student, load_student
from pintower.targets import Precision, Target, load_target

__all__ = ["make_plan"]

_TIMED_QUERIES = 200
_ASIDE = {
    "ranking.top8_flips",
    *(
        f"ranking.{name}{end}"
        for name in ("ndcg_loss_rel", "language_ndcg_loss_rel")
        for end in ("", "_low")
    ),
}
"""Gates on the loss of nDCG, for which a plan has a budget of its own."""


@dataclass(frozen=True)
class _Built:
    """A query encoder that was built and measured, with what it is served with."""

    reference: Reference
    target: Target
    graph: BuiltGraph
    gates: Sequence[Gate]
    folder: Path
    pins: PinCost

    def row(self, latency: Mapping[str, Latency], *, several_widths: bool) -> PlanRow:
        """Return its row; the times are by the names of :meth:`calls`."""
        parts = [latency[name] for name in self.names]
        by_name = {item.name: item for item in self.gates}
        nothing = Gate("", float("nan"), None, "lower", True)
        loss = by_name.get("ranking.ndcg_loss_rel", nothing)
        spoken = by_name.get("ranking.language_ndcg_loss_rel", nothing)
        config = backbone_config(self.reference.student.query_encoder)
        return PlanRow(
            student=self.reference.student.layout.root.name,
            layers=getattr(config, "num_hidden_layers", None),
            width=self.reference.student.head.width,
            target=self.target.name,
            precision=self.graph.precision,
            sha256=self.graph.sha256,
            latency=parts[0],
            look_up=parts[1],
            scorer=parts[2],
            cost_ms=sum(part.p50_ms for part in (parts if several_widths else parts[:1])),
            megabytes=(self.folder / self.graph.file).stat().st_size / 1e6,
            snapshot_bytes=self.pins.snapshot_bytes,
            ndcg=loss.detail.get("ndcg_graph", float("nan")),
            ndcg_loss=loss.measured,
            ndcg_low=loss.detail.get("low", float("nan")),
            ndcg_high=loss.detail.get("high", float("nan")),
            language=spoken.detail.get("language"),
            language_loss=spoken.measured,
            score_mean_abs=by_name.get("ranking.score_mean_abs", nothing).measured,
            batch_sensitivity=by_name.get("query_encoder.batch_sensitivity", nothing).measured,
            failed=tuple(item.name for item in failed(self.gates) if item.name not in _ASIDE),
        )

    @property
    def names(self) -> tuple[str, str, str]:
        """What is timed: query encoder, look-up and scorer; the latter two are its pins' own."""
        return (
            self.folder.name,
            f"{self.pins.folder.name} look-up",
            f"{self.pins.folder.name} scorer",
        )

    def calls(self, queries: Sequence[str], requests: NDArray[np.int64]) -> dict[str, Call]:
        """Return what is timed, by name."""
        texts = self.reference.rendered(queries)
        known = self.reference.matrix(queries)
        graph = open_graph(self.folder / self.graph.file, self.graph)
        encoder = GraphEncoder(graph, self.reference.query_tokenizer)
        inputs = [
            encoder.inputs([text], None if known is None else known[row : row + 1])
            for row, text in enumerate(texts)
        ]
        calls = Call(graph.run, inputs), self.pins.look_up(requests), self.pins.score(requests)
        return dict(zip(self.names, calls, strict=True))


def make_plan(
    students: Sequence[Path],
    targets: Sequence[str],
    data: Path,
    folder: Path,
    *,
    max_loss: float,
    config: ExportConfig,
    candidates: int = 100,
    rounds: int = 5,
) -> Plan:
    """Build every combination, measure it, and choose.

    A student of another space than the first one's, a narrower one for instance, ranks by its own
    pins' embeddings and its own scoring head.

    Args:
        students: folders; the first is what the others are held to.
        targets: names; the first precision of each is built.
        data: a data stage's folder, with judgments.
        folder: keeps the graphs, ``<student>-<target>/query_encoder.onnx``.
        max_loss: of nDCG@20, as a share of it.
        config: sizes and seed of the samples.
        candidates: pins of a request, for look-up and scorer.
        rounds: of the timing.

    Raises:
        InputError: if the data holds no judgments, or a target is unknown or runs on a GPU.
        StudentError: if a student cannot be loaded.
    """
    settings = [load_target(name) for name in targets]
    if elsewhere := [target.name for target in settings if target.device != "cpu"]:
        raise InputError(
            f"A plan is timed on the CPU, and {', '.join(elsewhere)} would run on a GPU. Give CPU "
            "targets."
        )
    references = _references(students, data, config)
    first = references[0]
    if first.judged is None:
        raise InputError(
            f"{data} holds no query with pins of two levels, so no loss can be measured. Give a "
            "dataset with judgments."
        )
    pins = read_table(data, PINS)[:MOST_PINS]
    random = np.random.default_rng(config.seed)
    asked = first.judged.pairs.queries[:_TIMED_QUERIES]
    requests = random.integers(0, len(pins), (len(asked), candidates))
    built: list[_Built] = []
    with tempfile.TemporaryDirectory(prefix="pintower-") as temporary:
        costs: dict[Path, PinCost] = {}
        for reference in references:
            own = (reference.pins_of or reference).student
            place = own.layout.root
            if place not in costs:
                part = Path(temporary) / str(len(costs))
                costs[place] = _pin_cost(own, settings[0], pins, part)
            built += [_build(reference, target, first, folder, costs[place]) for target in settings]
        calls = {name: call for each in built for name, call in each.calls(asked, requests).items()}
        latency = time_side_by_side(calls, rounds=rounds)
    widths = sorted({each.reference.student.head.width for each in built}, reverse=True)
    rows = [each.row(latency, several_widths=len(widths) > 1) for each in built]
    rows, chosen = choose(rows, max_loss)
    return Plan(
        rows=tuple(rows),
        chosen=chosen,
        max_loss=max_loss,
        queries=len(np.unique(first.judged.pairs.query[first.judged.drawn])),
        widths=tuple(widths),
        pins=len(pins),
        candidates=candidates,
        onnxruntime=onnxruntime.__version__,
    )


def _references(students: Sequence[Path], data: Path, config: ExportConfig) -> list[Reference]:
    """Return a reference of each student; those of the same pins embed them once."""
    found: list[Reference] = []
    for path in students:
        reference = Reference(config, load_student(path), data)
        same = (known for known in found if known.pins_of is None and reference.shares_pins(known))
        found.append(replace(reference, pins_of=next(same, None)))
    return found


def _pin_cost(student: Student, target: Target, pins: pl.DataFrame, folder: Path) -> PinCost:
    """Build a student's scorer, and a snapshot of its width."""
    folder.mkdir()
    builder = GraphBuilder(student, target, folder, lambda name: [])
    scorer = builder.build("scorer", target.precision["scorer"][0])
    return PinCost.of(student, scorer, pins, folder)


def _build(own: Reference, target: Target, first: Reference, folder: Path, pins: PinCost) -> _Built:
    """Build a query encoder; measure it against its own torch, its ranking against the first's."""
    place = folder / f"{own.student.layout.root.name}-{target.name}"
    place.mkdir(parents=True, exist_ok=True)
    builder = GraphBuilder(
        own.student, target, place, lambda name: own.calibration(name, target.calibration.texts)
    )
    graph = _first_form(builder, target.precision["query_encoder"])
    measurement = Measurement(own, target, place)
    gates = measurement.structure(graph)
    if not failed(gates):
        gates += measurement.encoder(graph) + measurement.ranking(graph, first)
    return _Built(own, target, graph, gates, place, pins)


def _first_form(builder: GraphBuilder, precisions: Sequence[Precision]) -> BuiltGraph:
    """Build the first precision in which the query encoder has a form."""
    for precision in precisions[:-1]:
        try:
            return builder.build("query_encoder", precision)
        except NoSuchForm:
            continue
    return builder.build("query_encoder", precisions[-1])
