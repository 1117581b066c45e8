import shutil
from pathlib import Path

import polars as pl
import pytest

from pintower.config import ExportConfig
from pintower.errors import InputError, StudentError
from pintower.export.plan import Plan, make_plan
from pintower.export.plan_figure import plan_plot
from pintower.models.cutting import cut_student
from tests.conftest import write_tiny_student

CONFIG = ExportConfig(parity_texts=10, ranking_queries=20)


@pytest.fixture(scope="module")
def cut(tiny_student: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    judged = pl.read_parquet(data / "judgments.parquet")
    texts = tmp_path_factory.mktemp("texts")
    shutil.copytree(data, texts, dirs_exist_ok=True)
    judged.with_columns(split=pl.lit("train")).write_parquet(texts / "judgments.parquet")
    folder = tmp_path_factory.mktemp("cut")
    cut_student(tiny_student, texts, folder, layers=1, vocabulary=True, steps=2, seed=1, bf16=False)
    return folder


@pytest.fixture(scope="module")
def plan(
    tiny_student: Path, cut: Path, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Plan:
    return make_plan(
        [tiny_student, cut],
        ["cpu-fp32", "cpu-int8-static"],
        data,
        tmp_path_factory.mktemp("plan"),
        max_loss=0.5,
        config=CONFIG,
        rounds=1,
    )


def test_every_combination_is_measured_against_the_first_student(plan: Plan) -> None:
    assert len(plan.rows) == 4
    assert {row.layers for row in plan.rows} == {1, 2}
    (own,) = [row for row in plan.rows if row.layers == 2 and row.target == "cpu-fp32"]
    assert abs(own.ndcg_loss) < 1e-6
    (other,) = [row for row in plan.rows if row.layers == 1 and row.target == "cpu-fp32"]
    assert other.score_mean_abs > 1e-6


def test_rows_come_fastest_first_and_the_first_within_the_budget_is_chosen(plan: Plan) -> None:
    times = [row.latency.p50_ms for row in plan.rows]
    assert times == sorted(times)
    good = [row for row in plan.rows if not row.failed and row.ndcg_loss <= plan.max_loss]
    assert plan.chosen is not None
    assert plan.rows[plan.chosen] == good[0]
    assert [row for row in plan.rows if row.verdict == "chosen"] == good[:1]
    assert all(row.verdict == f"fails {', '.join(row.failed)}" for row in plan.rows if row.failed)


def test_efficient_rows_lose_less_the_slower_they_are(plan: Plan) -> None:
    losses = [row.ndcg_loss for row in plan.rows if row.efficient]
    assert losses == sorted(losses, reverse=True)


def test_plot_names_targets_and_layers(plan: Plan) -> None:
    svg = plan_plot(plan)
    assert "cpu-int8-static" in svg
    assert "number: layers" in svg


def test_student_with_other_pins_is_refused(
    tiny_student: Path, tiny_backbone: Path, tiny_pins: pl.DataFrame, data: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write_tiny_student(tiny_backbone, tiny_pins, other, seed=5)
    with pytest.raises(StudentError, match="another pin_encoder"):
        make_plan([tiny_student, other], ["cpu-fp32"], data, tmp_path, max_loss=0.1, config=CONFIG)


def test_gpu_target_is_refused_because_its_time_cannot_be_measured(
    tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="gpu-fp16 would run on a GPU"):
        make_plan([tiny_student], ["gpu-fp16"], data, tmp_path, max_loss=0.1, config=CONFIG)


def test_data_without_judgments_is_refused(tiny_student: Path, data: Path, tmp_path: Path) -> None:
    silent = tmp_path / "data"
    shutil.copytree(data, silent)
    (silent / "judgments.parquet").unlink()
    with pytest.raises(InputError, match="no loss can be measured"):
        make_plan([tiny_student], ["cpu-fp32"], silent, tmp_path, max_loss=0.1, config=CONFIG)
