import shutil
from pathlib import Path

import pytest
import torch

from pintower.artifacts import read_json
from pintower.config import ExportConfig
from pintower.export import run
from pintower.models.narrowing import narrow_student
from pintower.models.scoring_head import ScoringHead
from pintower.text.match_features import FEATURES


@pytest.mark.parametrize("target", ["cpu-fp32", "cpu-int8-static"])
def test_a_narrowed_student_is_exported_and_passes_its_gates(
    tiny_student: Path, data: Path, tmp_path: Path, target: str
) -> None:
    nested, narrow, folder = (tmp_path / name for name in ("nested", "narrow", "export"))
    shutil.copytree(tiny_student, nested)
    torch.manual_seed(0)
    ScoringHead(12, FEATURES, (8,)).save(nested / "narrower_heads" / "12")
    narrow.mkdir()
    folder.mkdir()
    narrow_student(nested, data, narrow, width=12, seed=1)
    config = ExportConfig(target=target, parity_texts=30, target_runtime=False)
    run(config, {"student": narrow, "data": data}, folder)
    assert read_json(folder / "contract.json")["symbols"]["D"] == 12
    gates = read_json(folder / "gates.json")["gates"]
    assert [gate["name"] for gate in gates if not gate["passed"]] == []
