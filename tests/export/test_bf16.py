"""The pin encoder in bf16: gated as what runs it, and given up where nothing does."""

import sys
from pathlib import Path
from typing import Any

import pytest

from pintower.config import ExportConfig
from pintower.contracts import Contract
from pintower.errors import GateFailed
from pintower.export import run
from pintower.gates import read_gates
from pintower.pins.store import Origin
from pintower.report.gate_tables import describe_gates
from tests.bf16 import needs_bf16


def export(student: Path, data: Path, folder: Path, *precisions: str) -> dict[str, Any]:
    folder.mkdir()
    config = ExportConfig.model_validate(
        {
            "target": "cpu-int8-static",
            "pin_precision": precisions,
            "parity_texts": 20,
            "target_runtime": False,
        }
    )
    return run(config, {"student": student, "data": data}, folder)


@needs_bf16
def test_it_is_the_file_in_fp32_with_gates_and_an_origin_of_its_own(
    tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    export(tiny_student, data, tmp_path / "fp32", "fp32")
    export(tiny_student, data, tmp_path / "bf16", "bf16", "fp32")
    plain, half = (Contract.load(tmp_path / name / "contract.json") for name in ("fp32", "bf16"))
    assert half.graphs["pin_encoder"].precision == "bf16"
    assert half.graphs["pin_encoder"].sha256 == plain.graphs["pin_encoder"].sha256
    assert Origin.of(half).place("store") != Origin.of(plain).place("store")
    assert half.target.precision["pin_encoder"] == ("bf16", "fp32")
    gates = {gate.name: gate for gate in read_gates(tmp_path / "bf16" / "gates.json")}
    assert gates["pin_encoder.runs"].measured == 0
    assert gates["pin_encoder.repeat_max_abs"].measured == 0
    assert gates["pin_encoder.max_abs"].measured > 1e-5  # what was gated is not fp32
    assert gates["pin_encoder.max_abs"].allowed is None
    assert gates["pin_encoder.min_cosine"].allowed is not None
    assert gates["pin_ranking.ndcg_loss_rel"].passed


def test_where_nothing_runs_it_the_next_of_the_list_is_taken_and_the_page_says_why(
    tiny_student: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    info = export(tiny_student, data, tmp_path / "out", "bf16", "fp32")
    assert info["pin_encoder"] == "fp32"
    told = describe_gates("graphs", tmp_path / "out" / "gates.json")
    assert told is not None and not told.failed
    assert any(
        line.startswith("bf16 was refused: pin_encoder.runs") and "pintower[openvino]" in line
        for line in told.choice
    )


def test_alone_it_stops_the_export_where_nothing_runs_it(
    tiny_student: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(GateFailed, match=r"pin_encoder\.runs: measured 1 failures, allowed <= 0"):
        export(tiny_student, data, tmp_path / "out", "bf16")
