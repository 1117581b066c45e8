"""The export stage: build the graphs, measure them, keep what passed."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pintower.config import ExportConfig
from pintower.contracts import load_target
from pintower.export.build import build_graphs
from pintower.export.parity import parity_gates
from pintower.export.structure_gates import structure_gates
from pintower.gates import Gate, describe_environment, explain, raise_if_failed, write_gates
from pintower.models.student import Student, load_student
from pintower.models.tokenization import load_tokenizer

__all__ = ["run"]

logger = logging.getLogger(__name__)

_TOLD = ("query_encoder.max_abs", "query_encoder.min_cosine", "pin_encoder.max_abs")
"""Gates whose figures are worth a place in the manifest."""

_PACKAGES = ("onnxruntime", "onnx", "optimum-onnx", "torch", "transformers")


def run(config: ExportConfig, inputs: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Write the graphs, ``contract.json``, ``gates.json`` and what the query side needs.

    Args:
        config: target and size of the sample.
        inputs: folders ``student`` and ``data``.
        folder: where to write.

    Returns:
        Target, space id and the foremost gates' figures.

    Raises:
        InputError: if the target is unknown or the student or the data cannot be used.
        GateFailed: if a gate failed; ``gates.json`` is written all the same.
    """
    target = load_target(config.target)
    student = load_student(inputs["student"])
    contract = build_graphs(student, target, folder)
    contract.save(folder / "contract.json")
    _copy_query_side(student, folder)

    what = f"The graphs of {inputs['student']} for target {target.name}"
    gates = structure_gates(contract, folder)
    _keep(folder, gates, what)
    parity = parity_gates(config, student, contract, inputs["data"], folder)
    _keep(folder, gates + parity, what)
    for item in parity:
        logger.info("%s", explain(item))
    return {
        "target": target.name,
        "space_id": contract.space_id[:12],
        "gates": len(gates) + len(parity),
        **{item.name: item.measured for item in parity if item.name in _TOLD},
    }


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
