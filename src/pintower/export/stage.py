"""The export stage: build the graphs, measure them, keep what passed."""

import logging
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pintower.config import ExportConfig
from pintower.contracts import BuiltGraph
from pintower.export.build import GraphBuilder
from pintower.export.choice import choose_precision
from pintower.export.parity import Measurement
from pintower.export.preflight import preflight
from pintower.export.reference import Reference
from pintower.export.target_runtime import find_target_runtime
from pintower.export.tokenizer_gates import rendering_gate, tokenizer_gate, vocabulary_gates
from pintower.gates import (
    Gate,
    describe_environment,
    explain,
    overrule,
    raise_if_failed,
    require_gate_names,
    write_gates,
)
from pintower.models.student import Student, load_student
from pintower.models.tokenization import load_tokenizer
from pintower.targets import GRAPHS, load_target

__all__ = ["run"]

logger = logging.getLogger(__name__)

_TOLD = ("query_encoder.min_cosine", "ranking.ndcg_loss_rel", "pin_encoder.max_abs")
"""Gates whose figures are worth a place in the manifest."""

_ENCODERS = ("pin_encoder", "query_encoder")

_PACKAGES = ("onnxruntime", "openvino", "onnx", "optimum", "torch", "transformers")


def run(config: ExportConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Write the graphs, ``contract.json``, ``gates.json`` and what the query side needs.

    Args:
        config: target and size of the sample.
        inputs: folders ``student`` and ``data``.
        folder: where to write.

    Returns:
        Target, space id and the foremost gates' figures.

    Raises:
        InputError: if the target or a gate to allow is unknown, or the student or the data cannot
            be used.
        SetupError: if the target's ONNX Runtime is wanted and cannot be installed.
        GateFailed: if a gate failed; ``gates.json`` is written all the same.
    """
    target = load_target(config.target, config.triton)
    if config.pin_precision is not None:
        target = target.with_pins_in(config.pin_precision)
    require_gate_names(config.allow)
    student = load_student(inputs["student"])
    data = inputs["data"]
    what = f"The graphs of {inputs['student']} for target {target.name}"
    gates = overrule(preflight(target), config.allow)
    _keep(folder, gates, what)
    runtime = find_target_runtime(target) if config.target_runtime else None
    reference = Reference(config, student, data)
    gates += overrule(_text_gates(student, reference, folder), config.allow)
    _keep(folder, gates, what)
    builder = GraphBuilder(
        student, target, folder, lambda name: reference.calibration(name, target.calibration.texts)
    )
    measurement = Measurement(reference, target, folder, runtime)
    graphs: dict[str, BuiltGraph] = {}
    (precision,) = target.precision["scorer"]
    graphs["scorer"] = builder.build("scorer", precision)
    gates += overrule(measurement.scorer(graphs["scorer"]), config.allow)
    _keep(folder, gates, what)
    for name in _ENCODERS:
        choice = choose_precision(
            name,
            target.precision[name],
            partial(builder.build, name),
            getattr(measurement, name),
            config.allow,
        )
        graphs[name] = choice.built
        gates = [*choice.gates, *gates]
        _keep(folder, gates, what)
    contract = builder.contract({name: graphs[name] for name in GRAPHS})
    contract.save(folder / "contract.json")
    for item in gates:
        logger.info("%s", explain(item))
    return {
        "target": target.name,
        "space_id": contract.space_id[:12],
        "query_encoder": graphs["query_encoder"].precision,
        "pin_encoder": graphs["pin_encoder"].precision,
        "gates": len(gates),
        **{item.name: item.measured for item in gates if item.name in _TOLD},
    }


def _text_gates(student: Student, reference: Reference, folder: Path) -> list[Gate]:
    """Measure what becomes of texts before any graph reads them; needs the query side's files."""
    _copy_query_side(student, folder)
    tokenizer = folder / "tokenizer.json"
    return [
        tokenizer_gate(tokenizer, student),
        rendering_gate(tokenizer, student, reference.logged_queries),
        *vocabulary_gates(tokenizer, student),
        *reference.distinct_gates(),
    ]


def _copy_query_side(student: Student, folder: Path) -> None:
    layout = student.layout
    tokenizer = load_tokenizer(layout.query_encoder, student.rendering.query_max_tokens)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    shutil.copyfile(layout.text, folder / "text.json")
    shutil.copytree(layout.match_stats, folder / "match_stats")


def _keep(folder: Path, gates: list[Gate], what: str) -> None:
    """Write the gates measured so far, then stop if one failed."""
    write_gates(folder / "gates.json", gates, describe_environment(*_PACKAGES))
    raise_if_failed(gates, what)
