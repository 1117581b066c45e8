import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest
from tokenizers import Tokenizer

from pintower.artifacts import hash_file, hash_json, read_json
from pintower.config import ExportConfig
from pintower.contracts import Contract
from pintower.errors import DatasetError, GateFailed, InputError, StudentError
from pintower.export import run, stage
from pintower.gates import read_gates
from pintower.models.onnx_session import GraphEncoder, open_built_graph
from pintower.models.student import load_student, space_id
from pintower.models.tokenization import load_tokenizer
from pintower.serving.machine import cpu_flags
from pintower.targets import GRAPHS, Target, load_target


def export(
    target: str, student: Path, data: Path, folder: Path, **config: Any
) -> dict[str, object]:
    folder.mkdir()
    return run(
        ExportConfig(target=target, parity_texts=10, target_runtime=False, **config),
        {"student": student, "data": data},
        folder,
    )


def use_target(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    def changed(name: str, triton: str | None) -> Target:
        target = load_target(name, triton)
        limits = target.limits.model_copy(update=changes.pop("limits", {}))
        release = target.triton.model_copy(update=changes.pop("triton", {}))
        return target.model_copy(update={**changes, "limits": limits, "triton": release})

    monkeypatch.setattr(stage, "load_target", changed)


def test_contract_names_files_that_are_what_it_says(exported: Path, tiny_student: Path) -> None:
    contract = Contract.load(exported / "contract.json")
    assert contract.space_id == space_id(tiny_student)
    assert contract.symbols == {"D": 16, "F": 11, "Q": 0, "T": 17, "V": 4}
    assert contract.feature_columns == ("graph_vector",)
    assert tuple(contract.graphs) == GRAPHS
    for name, built in contract.graphs.items():
        assert built.file == f"{name}.onnx"
        assert built.sha256 == hash_file(exported / built.file)
        parts = {
            "space_id": contract.space_id,
            "precision": built.precision,
            "sha256": built.sha256,
        }
        assert built.artifact_id == hash_json(parts)
        assert built.precision == contract.target.precision[name][0]


def test_folder_holds_what_the_query_side_needs_and_nothing_else(
    exported: Path, tiny_student: Path
) -> None:
    names = {path.name for path in exported.iterdir()}
    files = {f"{name}.onnx" for name in GRAPHS}
    assert names == files | {
        "contract.json", "gates.json", "match_stats", "text.json", "tokenizer.json"
    }  # fmt: skip
    ours = Tokenizer.from_file(str(exported / "tokenizer.json"))
    wanted = load_tokenizer(tiny_student / "query_encoder", 16)
    text = "red shoes for the garden " * 20
    assert ours.encode(text).ids == wanted.encode(text).ids


def test_every_gate_passed_and_none_is_missing(exported: Path) -> None:
    gates = {gate.name: gate for gate in read_gates(exported / "gates.json")}
    assert all(gate.passed for gate in gates.values())
    assert read_json(exported / "gates.json")["passed"] is True
    encoders = ("query_encoder", "pin_encoder")
    parity = ("max_abs", "min_cosine", "norm_max_abs")
    parity += ("batch_sensitivity", "batch_flips", "repeat_max_abs", "threads_sensitivity")
    files = ("contract", "opset", "ir_version", "file_size", "target_loads")
    wanted = {f"{name}.{figure}" for name in encoders for figure in parity}
    wanted |= {f"{name}.{figure}" for name in GRAPHS for figure in files}
    wanted |= {"scorer.max_abs", "scorer.invalid_rows"}
    wanted |= {"query_encoder.precision", "pin_encoder.precision", "query_encoder.tokenizer"}
    wanted |= {f"{name}.{figure}" for name in encoders for figure in ("vocabulary", "alike")}
    wanted |= {"query_encoder.rendering"}
    ranking = ("ndcg_loss_rel", "ndcg_loss_rel_low", "top8_flips", "kendall_tau")
    ranking += ("score_max_abs", "score_mean_abs")
    wanted |= {f"ranking.{name}" for name in ranking}
    graphs = Contract.load(exported / "contract.json").graphs
    if graphs["pin_encoder"].precision != "fp32":
        wanted |= {f"pin_ranking.{name}" for name in ranking}
    preflight = {name for name in gates if name.startswith("preflight.")}
    assert {"preflight.opset", "preflight.precision", "preflight.onnxruntime_older"} <= preflight
    assert gates.keys() - preflight - {"query_encoder.half_min_cosine"} == wanted
    precision = graphs["query_encoder"].precision
    assert ("query_encoder.half_min_cosine" in gates) == (precision == "fp16")
    limited = "query_encoder.max_abs" if precision == "fp32" else "query_encoder.min_cosine"
    assert gates[limited].allowed is not None


def test_graph_embeds_queries_as_torch_does(exported: Path, tiny_student: Path) -> None:
    contract = Contract.load(exported / "contract.json")
    student = load_student(tiny_student)
    tokenizer = load_tokenizer(student.layout.query_encoder, student.rendering.query_max_tokens)
    encoder = GraphEncoder(open_built_graph(exported, contract, "query_encoder"), tokenizer)
    texts = ["red shoes", "a", "blue sofa for the garden house"]
    reference = student.embed_queries(texts)
    precision = contract.graphs["query_encoder"].precision
    # Without VNNI sums of two 8-bit products saturate, which dynamic int8 cannot help.
    saturates = precision == "int8-dynamic" and "avx512_vnni" not in cpu_flags()
    tolerance = 1e-5 if precision == "fp32" else 0.25 if saturates else 0.05
    np.testing.assert_allclose(encoder.embed(texts), reference, atol=tolerance)
    batched = encoder.embed(texts, batch_tokens=1_000)
    np.testing.assert_allclose(batched, reference, atol=tolerance)


@pytest.mark.parametrize("target", ["cpu-fp32", "cpu-int8", "cpu-int8-static"])
def test_exporting_twice_gives_the_same_bytes(
    target: str, tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    export(target, tiny_student, data, first)
    export(target, tiny_student, data, second)
    for name in (*(f"{graph}.onnx" for graph in GRAPHS), "contract.json", "tokenizer.json"):
        assert hash_file(first / name) == hash_file(second / name), name


def test_graph_for_tensorrt_has_standard_operators_only(
    tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    """It knows none of ONNX Runtime's own: each would cut the engine in two."""
    info = export("gpu-tensorrt-fp16", tiny_student, data, tmp_path / "out")
    assert info["query_encoder"] == "fp16"
    model = onnx.load(tmp_path / "out" / "query_encoder.onnx")
    assert {node.domain for node in model.graph.node} == {""}
    onnx.checker.check_model(model)


def test_failed_gate_stops_and_tells_measured_and_allowed(
    tiny_student: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_target(
        monkeypatch,
        limits={"encoder_min_cosine": 1.5},
        precision={**load_target("cpu-int8").precision, "query_encoder": ("int8-dynamic",)},
    )
    with pytest.raises(GateFailed) as raised:
        export("cpu-int8", tiny_student, data, tmp_path / "out")
    message = str(raised.value)
    digits = "0.99" if "avx512_vnni" in cpu_flags() else "0.9"  # without VNNI it saturates
    assert f"query_encoder.min_cosine: measured {digits}" in message
    assert "allowed >= 1.5" in message
    assert "pin_encoder" not in message
    written = read_json(tmp_path / "out" / "gates.json")
    assert written["passed"] is False
    assert len(written["gates"]) > 10


def test_precision_that_fails_its_gates_gives_way_to_the_next(
    tiny_student: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_target(
        monkeypatch,
        limits={"encoder_min_cosine": 1.5},
        precision={
            **load_target("cpu-int8").precision,
            "query_encoder": ("int8-dynamic", "int8-static", "int8-mixed", "fp32"),
        },
    )
    info = export("cpu-int8", tiny_student, data, tmp_path / "out")
    assert info["query_encoder"] == "fp32"
    contract = Contract.load(tmp_path / "out" / "contract.json")
    assert contract.graphs["query_encoder"].precision == "fp32"
    assert hash_file(tmp_path / "out" / "query_encoder.onnx") == (
        contract.graphs["query_encoder"].sha256
    )
    gates = {gate.name: gate for gate in read_gates(tmp_path / "out" / "gates.json")}
    refused = gates["query_encoder.precision"].detail["refused"]
    assert list(refused) == ["int8-dynamic", "int8-static", "int8-mixed"]
    assert "query_encoder.min_cosine" in refused["int8-mixed"][0]


def test_overruled_gate_lets_the_export_pass_and_is_marked(
    tiny_student: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_target(monkeypatch, limits={"scorer_max_abs": -1.0})
    with pytest.raises(GateFailed, match=r"scorer\.max_abs"):
        export("cpu-fp32", tiny_student, data, tmp_path / "stopped")
    use_target(monkeypatch, limits={"scorer_max_abs": -1.0})
    export("cpu-fp32", tiny_student, data, tmp_path / "out", allow=("scorer.max_abs",))
    gates = {gate.name: gate for gate in read_gates(tmp_path / "out" / "gates.json")}
    assert gates["scorer.max_abs"].overruled
    assert read_json(tmp_path / "out" / "gates.json")["passed"] is True


def test_graph_newer_than_the_target_is_refused_before_it_is_run(
    tiny_student: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_target(monkeypatch, triton={"max_opset": 16, "max_ir_version": 7})
    with pytest.raises(GateFailed, match=r"preflight\.opset: measured 17, allowed <= 16") as raised:
        export("cpu-fp32", tiny_student, data, tmp_path / "out")
    assert "preflight.ir_version: measured 8, allowed <= 7" in str(raised.value)
    names = [gate.name for gate in read_gates(tmp_path / "out" / "gates.json")]
    assert "query_encoder.max_abs" not in names


def test_unknown_target_names_the_known_ones(
    tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="cpu-fp32, cpu-int8"):
        export("tpu", tiny_student, data, tmp_path / "out")


def test_incomplete_student_is_refused(tiny_student: Path, data: Path, tmp_path: Path) -> None:
    student = tmp_path / "student"
    shutil.copytree(tiny_student, student)
    (student / "scoring_head" / "model.safetensors").unlink()
    with pytest.raises(StudentError, match=r"model\.safetensors"):
        export("cpu-fp32", student, data, tmp_path / "out")


def test_data_without_a_query_log_is_measured_on_titles(
    tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    silent = tmp_path / "data"
    shutil.copytree(data, silent)
    log = pl.read_parquet(silent / "query_log.parquet")
    log.clear().write_parquet(silent / "query_log.parquet")
    export("cpu-fp32", tiny_student, silent, tmp_path / "out")
    gates = {gate.name: gate for gate in read_gates(tmp_path / "out" / "gates.json")}
    assert gates["query_encoder.max_abs"].detail["texts"] > 15


def test_data_without_the_judged_pins_is_refused(
    tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "data"
    shutil.copytree(data, empty)
    pl.read_parquet(empty / "pins.parquet").clear().write_parquet(empty / "pins.parquet")
    with pytest.raises(DatasetError, match="not in the pins"):
        export("cpu-fp32", tiny_student, empty, tmp_path / "out")
