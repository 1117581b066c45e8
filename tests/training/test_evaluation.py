import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.artifacts import write_json
from pintower.config import EvaluationConfig, StudentConfig
from pintower.evaluation import run
from pintower.models.pin_inputs import pin_texts
from pintower.models.untuned import untuned_embeddings
from pintower.student import run as make_student
from pintower.text.rendering import Rendering, render_query
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
    assert metrics["measures"] == ["ndcg@20", "auroc_5"]  # the judgments know two levels
    assert set(metrics["models"]["student"]) == {"ndcg@20", "auroc_5"}
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


def test_evaluation_without_a_teacher_compares_student_and_baselines(
    data: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    """The towers of such a student are the untuned encoder, so the cosine is their own."""
    student, folder = tmp_path / "student", tmp_path / "evaluation"
    student.mkdir()
    folder.mkdir()
    config = StudentConfig(method="encoder", query_encoder=str(tiny_backbone))
    make_student(config, {"data": data}, student)
    info = run(EvaluationConfig(bootstrap=5), {"data": data, "student": student}, folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics["models"]) == {"student", "bm25", "cosine"}
    assert [(row["model"], row["baseline"]) for row in metrics["differences"]] == [
        ("student", "bm25"), ("student", "cosine")
    ]  # fmt: skip
    assert info["student_ndcg"] == info["cosine_ndcg"]  # calibrated on texts: ranks as the cosine
    predictions = pl.read_parquet(folder / "predictions.parquet")
    assert "teacher" not in predictions.columns
    queries = [render_query(query, Rendering()) for query in predictions["query"]]
    table = pl.read_parquet(data / "pins.parquet")
    pins = pl.concat([table.filter(pl.col("pin_id") == name) for name in predictions["pin_id"]])
    untuned = [
        untuned_embeddings(str(tiny_backbone), texts, 126)
        for texts in (queries, pin_texts(pins, Rendering()))
    ]
    cosines = np.einsum("nd,nd->n", *untuned)
    np.testing.assert_allclose(predictions["cosine"].to_numpy(), cosines, atol=1e-5)


def test_evaluation_makes_no_head_of_a_log_in_which_no_query_comes_twice(
    tiny_pins: pl.DataFrame, teacher: Path, student: Path, tmp_path: Path
) -> None:
    """Ties would be cut in alphabetical order and called head and tail."""
    log = pl.DataFrame({"query": ["lemon cake", "red shoes"]}).with_columns(
        pl.lit(None, dtype=pl.Int64).alias("timestamp")
    )
    judgments = judge(tiny_pins).with_columns(pl.lit(None, dtype=pl.String).alias("language"))
    data = write_data(tmp_path / "data", tiny_pins, judgments=judgments, query_log=log)
    inputs = {"data": data, "teacher": teacher, "student": student}
    run(EvaluationConfig(bootstrap=5), inputs, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert {row["by"] for row in metrics["slices"]} == {"query_length"}
