import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.artifacts import write_json
from pintower.config import EvaluationConfig, StudentConfig
from pintower.data.tables import SCHEMAS
from pintower.evaluation import run
from pintower.evaluation.stage import warn
from pintower.models.pin_inputs import pin_texts
from pintower.models.untuned import untuned_embeddings
from pintower.student import run as make_student
from pintower.text.rendering import Rendering, render_query
from tests.conftest import write_tiny_student
from tests.training.conftest import THINGS, judge, write_data

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
        ("student", "bm25"), ("student", "cosine"), ("teacher", "bm25"), ("teacher", "cosine"),
        ("teacher", "student"),
    ]  # fmt: skip
    assert metrics["best_baseline"] == info["best_baseline"] == "bm25"
    assert metrics["baselines_absent"] == {
        "mixture": "3 judged training queries with 2 levels, fewer than 10 with two: nothing to "
        "fit it to"
    }
    assert metrics["majority"] is None and "reliability" not in metrics  # nor can they be graded
    assert {(row["by"], row["slice"]) for row in metrics["slices"]} == {
        ("language", "en"), ("query_length", "2-3"), ("frequency", "torso")
    }  # fmt: skip
    assert all(row["difference"]["baseline"] == "bm25" for row in metrics["slices"])
    assert metrics["caveats"][0].startswith("Only one query is held out")
    assert metrics["advice"]
    predictions = pl.read_parquet(tmp_path / "predictions.parquet")
    assert set(predictions.columns) >= MODELS | {"query", "pin_id", "level", "student_level"}
    assert predictions["teacher"].is_between(1, 5).all()


def test_graded_judgments_are_compared_with_a_mixture_fitted_to_the_training_ones(
    tiny_pins: pl.DataFrame, teacher: Path, student: Path, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", tiny_pins, judgments=grade(tiny_pins))
    inputs = {"data": data, "teacher": teacher, "student": student}
    info = run(EvaluationConfig(bootstrap=50), inputs, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert set(metrics["models"]) == {*MODELS, "mixture"}
    assert metrics["baselines_absent"] == {}
    ndcg = {name: info[f"{name}_ndcg"] for name in ("bm25", "cosine", "mixture")}
    assert metrics["best_baseline"] == max(ndcg, key=lambda name: ndcg[name])
    assert set(metrics["models"]["mixture"]) == set(metrics["measures"])
    assert set(metrics["models"]["cosine"]) < set(metrics["measures"])  # predicts no levels
    assert [(row["model"], row["baseline"]) for row in metrics["differences"]] == [
        *(("student", name) for name in ("bm25", "cosine", "mixture")),
        *(("teacher", name) for name in ("bm25", "cosine", "mixture")),
        ("teacher", "student"),
    ]
    assert set(metrics["reliability"]) == {"teacher", "student", "mixture"}
    assert metrics["majority"]["level"] == 1
    assert metrics["majority"]["accuracy"] == pytest.approx(0.8)
    assert {(row["by"], row["slice"]) for row in metrics["slices"]} >= {("country", "US")}
    for row in metrics["slices"]:
        assert {"value", "low", "high", "p", "p_adjusted", "worse"} <= set(row["difference"])


def grade(pins: pl.DataFrame) -> pl.DataFrame:
    """Fifteen queries on three levels, of which four are held out."""
    rows = [
        {
            "query": f"{thing} {kind}",
            "pin_id": pin_id,
            "level": 1 if thing not in title else 5 if number % 3 == kind else 3,
            "language": "en",
            "country": "US",
            "split": "test" if (place + kind) % 4 == 0 else "train",
        }
        for place, thing in enumerate(THINGS)
        for kind in range(3)
        for number, (pin_id, title) in enumerate(pins.select("pin_id", "title").iter_rows())
    ]
    return pl.DataFrame(rows, schema=SCHEMAS["judgments"])


@pytest.mark.parametrize(("held_out", "verdict"), [(0.05, "ahead"), (-0.05, "behind")])
def test_a_student_that_is_behind_the_best_baseline_is_said_to_be(
    held_out: float, verdict: str, caplog: pytest.LogCaptureFixture
) -> None:
    main = {"baseline": "mixture", "value": held_out, "low": held_out - 0.01,
            "high": held_out + 0.01, "verdict": verdict}  # fmt: skip
    metrics = {"queries": 80, "advice": ["Judge more."], "caveats": []}
    warn(main, metrics)
    behind = "the student is behind the best baseline, mixture: -0.050 nDCG@20 (-0.060 to -0.040)"
    assert (behind in caplog.text) == (held_out < 0)


def test_a_student_that_is_not_told_apart_is_not_called_ahead(
    caplog: pytest.LogCaptureFixture,
) -> None:
    main = {"baseline": "cosine", "value": 0.01, "low": -0.01, "high": 0.03,
            "verdict": "not told apart"}  # fmt: skip
    warn(main, {"queries": 80, "advice": ["Judge more."], "caveats": ["Few queries."]})
    assert "cannot be told apart from the best baseline, cosine: +0.010 nDCG@20" in caplog.text
    assert "Judge more." in caplog.text and "Few queries." in caplog.text


def test_evaluation_leaves_out_the_cosine_of_a_student_from_elsewhere(
    data: Path, teacher: Path, student: Path, tmp_path: Path
) -> None:
    (student / "training.json").unlink()
    inputs = {"data": data, "teacher": teacher, "student": student}
    info = run(EvaluationConfig(bootstrap=5), inputs, tmp_path)
    assert "cosine_ndcg" not in info and info["best_baseline"] == "bm25"
    absent = json.loads((tmp_path / "metrics.json").read_text())["baselines_absent"]
    assert set(absent) == {"cosine", "mixture"}
    assert "does not name the encoder" in absent["cosine"]


def test_evaluation_says_so_where_there_is_nothing_to_measure_on(
    tiny_pins: pl.DataFrame, teacher: Path, student: Path, tmp_path: Path
) -> None:
    data = write_data(tmp_path / "data", tiny_pins, judgments=judge(tiny_pins, ("red shoes",)))
    inputs = {"data": data, "teacher": teacher, "student": student}
    assert run(EvaluationConfig(), inputs, tmp_path) == {"queries": 0, "pairs": 0}
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["reason"]
    assert metrics["caveats"] == ["No query is held out: nothing was measured."]


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
