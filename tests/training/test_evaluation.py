import json
from pathlib import Path

import polars as pl
import pytest

from pintower.artifacts import write_json
from pintower.config import EvaluationConfig
from pintower.evaluation import run
from tests.conftest import write_tiny_student
from tests.training.conftest import judge, write_data

MODELS = {"teacher", "student", "bm25", "cosine"}


@pytest.fixture
def student(tiny_backbone: Path, tiny_pins: pl.DataFrame, tmp_path: Path) -> Path:
    folder = write_tiny_student(tiny_backbone, tiny_pins, tmp_path / "student", seed=1)
    write_json(folder / "training.json", {"query_encoder": str(tiny_backbone)})
    return folder


def test_evaluation_measures_every_model_on_held_out_queries(
    data: Path, teacher: Path, student: Path, tmp_path: Path
) -> None:
    inputs = {"data": data, "teacher": teacher, "student": student}
    info = run(EvaluationConfig(bootstrap=50), inputs, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert info["queries"] == metrics["queries"] == 1
    assert info["pairs"] == 40
    assert set(metrics["models"]) == MODELS
    assert set(metrics["models"]["student"]) == {
        "ndcg@20", "p@8", "accuracy", "auroc_3", "auroc_4", "auroc_5"
    }  # fmt: skip
    assert "accuracy" not in metrics["models"]["bm25"]
    assert metrics["models"]["bm25"]["p@8"]["value"] == 1  # every title names what it shows
    assert info["bm25_ndcg"] == 1
    assert [(row["model"], row["baseline"]) for row in metrics["differences"]] == [
        ("student", "bm25"), ("student", "cosine"), ("teacher", "student")
    ]  # fmt: skip
    assert {(row["by"], row["slice"]) for row in metrics["slices"]} == {
        ("language", "en"), ("query_length", "2-3"), ("frequency", "tail")
    }  # fmt: skip
    predictions = pl.read_parquet(tmp_path / "predictions.parquet")
    assert set(predictions.columns) >= MODELS | {"query", "pin_id", "level", "student_level"}
    assert predictions["teacher"].is_between(1, 5).all()


def test_evaluation_leaves_out_the_cosine_of_a_student_from_elsewhere(
    data: Path, teacher: Path, student: Path, tmp_path: Path
) -> None:
    (student / "training.json").unlink()
    inputs = {"data": data, "teacher": teacher, "student": student}
    assert "cosine_ndcg" not in run(EvaluationConfig(bootstrap=5), inputs, tmp_path)


def test_evaluation_says_so_where_there_is_nothing_to_measure_on(
    tiny_pins: pl.DataFrame, teacher: Path, student: Path, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", tiny_pins, judgments=judge(tiny_pins, ("red shoes",)))
    inputs = {"data": data, "teacher": teacher, "student": student}
    assert run(EvaluationConfig(), inputs, tmp_path) == {"queries": 0, "pairs": 0}
    assert json.loads((tmp_path / "metrics.json").read_text())["reason"]
