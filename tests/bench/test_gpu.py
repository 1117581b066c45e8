"""The GPU bench, as far as it can be told without a GPU and without a clock."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

from bench.gpu.measure import context, headline
from bench.gpu.pins import batches_of
from bench.gpu.runtimes import at_length
from bench.gpu.section import Budget, Emit, Row, Settings, followed, read_rows, told

TOKENIZER = Path(__file__).parent.parent / "fixtures" / "tokenizer" / "tokenizer.json"
ROW = {"target": "gpu-fp16", "model": "relevance", "load": "unique"}


def point(concurrency: int, throughput: float, p99_ms: float, **more: Any) -> Row:
    figures = {"concurrency": concurrency, "throughput": throughput, "p99_ms": p99_ms}
    return {**ROW, **figures, "p50_ms": 1.0, **more}


def fails_midway(settings: Settings, emit: Emit) -> None:
    emit({"found": settings.device})
    raise RuntimeError("CUDA error: out of memory")


def misses_a_file(settings: Settings, emit: Emit) -> None:
    raise FileNotFoundError(f"{settings.carry}/gpu-fp16/export is absent")


def dies(settings: Settings, emit: Emit) -> None:
    emit({"found": settings.device})
    os._exit(11)


def test_a_failure_becomes_a_row_and_what_follows_goes_on() -> None:
    rows: list[Row] = []
    for name in ("one", "two"):
        with told(rows.append, {"contender": name}):
            if name == "one":
                raise OSError("libcudnn.so.9: cannot open shared object file")
            rows.append({"contender": name, "p50_ms": 1.0})
    assert "libcudnn.so.9" in rows[0]["reason"]
    assert rows[1] == {"contender": "two", "p50_ms": 1.0}


def test_a_reason_does_not_say_where_the_carried_folder_lies(tmp_path: Path) -> None:
    settings = Settings(tmp_path, "cpu", quick=True, seconds=60)
    followed("a", misses_a_file, settings, tmp_path / "rows.jsonl", lambda: None)
    (row,) = read_rows(tmp_path / "rows.jsonl")
    assert row["reason"] == "FileNotFoundError: gpu-fp16/export is absent"


def test_time_that_is_over_is_a_reason() -> None:
    rows: list[Row] = []
    with told(rows.append, {"contender": "late"}):
        Budget(-1).require()
    assert "not begun" in rows[0]["reason"]


def test_every_section_keeps_its_rows_whatever_ends_it(tmp_path: Path) -> None:
    settings = Settings(tmp_path, "cpu", quick=True, seconds=60)
    path = tmp_path / "rows.jsonl"
    changes: list[int] = []
    for name, section in (("a", dies), ("b", fails_midway)):
        followed(name, section, settings, path, lambda: changes.append(1))
    rows = read_rows(path)
    assert [row["section"] for row in rows] == ["a", "a", "b", "b"]
    assert "exit code 11" in rows[1]["reason"]
    assert rows[2] == {"section": "b", "found": "cpu"}
    assert "out of memory" in rows[3]["reason"]
    assert len(changes) >= 2


def test_an_unfinished_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert read_rows(path) == []
    path.write_text('{"found": 1}\n{"fou', "utf-8")
    assert read_rows(path) == [{"found": 1}]


def test_the_headline_names_what_was_measured_and_nothing_else() -> None:
    cell = {"contender": "torch fp16 eager", "tokens": 16, "batch": 1}
    found = headline(
        [
            {**cell, "p50_ms": 0.7},
            {**cell, "contender": "ONNX Runtime TensorRT fp16", "reason": "no libnvinfer.so.10"},
            point(1, 500, 2.0),
            point(16, 3_000, 8.0),
        ]
    )
    assert found == {
        "torch_fp16_eager_16_tokens_p50_ms": 0.7,
        "gpu_fp16_relevance_unique_p50_ms": 1.0,
        "gpu_fp16_relevance_unique_p99_ms": 2.0,
        "gpu_fp16_relevance_unique_per_second_p99_below_5_ms": 500,
        "gpu_fp16_relevance_unique_per_second_p99_below_10_ms": 3_000,
    }


def test_published_marks_say_that_their_hardware_is_another() -> None:
    assert all("other hardware" in mark["hardware"] for mark in context())


def test_batches_of_pins_hold_every_text_once_within_the_budget() -> None:
    texts = ["red", "a red garden beach lemon", "blue beach", "garden"] * 5
    vectors = np.arange(len(texts), dtype=np.float32)[:, None]
    batches = batches_of(texts, vectors, Tokenizer.from_file(str(TOKENIZER)), 32)
    assert all(ids.size <= 32 for ids, *_ in batches)
    assert sorted(np.concatenate([extra for *_, extra in batches])[:, 0]) == [*range(len(texts))]


@pytest.mark.parametrize("tokens", [4, 8])
def test_a_graph_for_a_gpu_is_set_to_a_length(tmp_path: Path, tokens: int) -> None:
    longest = numpy_helper.from_array(np.array([8], dtype=np.int64), "entrance.longest.3")
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("Identity", ["INPUT_IDS"], ["EMBEDDING"])],
            "encoder",
            [helper.make_tensor_value_info("INPUT_IDS", TensorProto.INT64, ["batch", 9])],
            [helper.make_tensor_value_info("EMBEDDING", TensorProto.INT64, ["batch", None])],
            [longest],
        )
    )
    onnx.save(model, tmp_path / "encoder.onnx")
    changed = onnx.load_from_string(at_length(tmp_path / "encoder.onnx", tokens))
    assert changed.graph.input[0].type.tensor_type.shape.dim[1].dim_value == tokens + 1
    assert numpy_helper.to_array(changed.graph.initializer[0]).tolist() == [tokens]
