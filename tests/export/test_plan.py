import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from pintower.config import ExportConfig
from pintower.errors import InputError
from pintower.export.plan import make_plan
from pintower.export.plan_figure import plan_plot
from pintower.export.plan_rows import Plan
from pintower.export.reference import Reference
from pintower.metrics.ranking import ndcg, per_query
from pintower.models.cutting import cut_student
from pintower.models.narrowing import narrow_student
from pintower.models.pairs import number_pairs, pair_match_features
from pintower.models.scoring_head import ScoringHead
from pintower.models.student import load_student
from pintower.text.match_features import FEATURES

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


@pytest.fixture(scope="module")
def wide_and_narrow(
    tiny_student: Path, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """The tiny student of width 16, and the one that is narrowed to its own head of width 4."""
    folder = tmp_path_factory.mktemp("widths")
    wide, narrow = folder / "wide", folder / "narrow"
    shutil.copytree(tiny_student, wide)
    torch.manual_seed(3)
    ScoringHead(4, FEATURES, (8,)).save(wide / "narrower_heads" / "4")
    narrow.mkdir()
    narrow_student(wide, data, narrow, width=4, seed=1)
    return [wide, narrow]


@pytest.fixture(scope="module")
def spoken(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data with twenty judged queries in German and twenty-five in English."""
    folder = tmp_path_factory.mktemp("spoken")
    shutil.copytree(data, folder, dirs_exist_ok=True)
    judged = pl.read_parquet(data / "judgments.parquet")
    copies = [
        judged.with_columns(pl.col("query") + f" {language}{number}", language=pl.lit(language))
        for language, count in (("de", 4), ("en", 5))
        for number in range(count)
    ]
    pl.concat(copies).write_parquet(folder / "judgments.parquet")
    return folder


@pytest.fixture(scope="module")
def plan_of_widths(
    wide_and_narrow: list[Path], spoken: Path, tmp_path_factory: pytest.TempPathFactory
) -> Plan:
    return make_plan(
        wide_and_narrow,
        ["cpu-fp32"],
        spoken,
        tmp_path_factory.mktemp("plan-of-widths"),
        max_loss=1,
        config=CONFIG.model_copy(update={"ranking_queries": 45}),
        candidates=7,
        rounds=1,
    )


def test_a_student_of_another_space_ranks_by_its_own_pins_and_head(
    wide_and_narrow: list[Path], plan_of_widths: Plan, spoken: Path
) -> None:
    judged, pins = (pl.read_parquet(spoken / f"{name}.parquet") for name in ("judgments", "pins"))
    pairs = number_pairs(judged["query"].to_list(), judged["pin_id"].to_list(), pins)
    wanted = {}
    for path in wide_and_narrow:
        student = load_student(path)
        probabilities = student.score(
            student.embed_queries(pairs.queries)[pairs.query],
            student.embed_pins(pairs.pins)[pairs.pin],
            pair_match_features(pairs, student.statistics),
        )
        levels = judged["level"].to_numpy().astype(np.int64)
        scores = probabilities @ np.arange(1, 6, dtype=np.float32)
        wanted[student.head.width] = per_query(ndcg, pairs.query, levels, scores).mean()
    assert set(wanted) == {16, 4}
    for row in plan_of_widths.rows:
        assert row.ndcg == pytest.approx(wanted[row.width], abs=1e-6)
        assert row.ndcg_loss == pytest.approx(1 - wanted[row.width] / wanted[16], abs=1e-6)
    assert wanted[4] != pytest.approx(wanted[16], abs=1e-3)


def test_widths_are_compared_by_query_encoder_look_up_and_scorer_together(
    plan_of_widths: Plan, plan: Plan
) -> None:
    assert plan_of_widths.widths == (16, 4)
    assert (plan_of_widths.pins, plan_of_widths.candidates) == (40, 7)
    for row in plan_of_widths.rows:
        parts = row.latency.p50_ms + row.look_up.p50_ms + row.scorer.p50_ms
        assert row.cost_ms == pytest.approx(parts)
        assert row.latency.calls == row.look_up.calls == row.scorer.calls > 0
    wide, narrow = sorted(plan_of_widths.rows, key=lambda row: -row.width)
    assert wide.snapshot_bytes - narrow.snapshot_bytes == pytest.approx(40 * 12 * 4, abs=64)
    costs = [row.cost_ms for row in plan_of_widths.rows]
    assert costs == sorted(costs)
    assert plan.widths == (16,)
    assert all(row.cost_ms == row.latency.p50_ms for row in plan.rows)


def test_the_language_that_loses_most_is_named(plan_of_widths: Plan, plan: Plan) -> None:
    (narrow,) = [row for row in plan_of_widths.rows if row.width == 4]
    assert narrow.language in ("de", "en")
    assert narrow.language_loss == narrow.language_loss  # measured
    assert {row.language for row in plan.rows} == {None}


def test_plot_names_widths_where_they_differ(plan_of_widths: Plan) -> None:
    svg = plan_plot(plan_of_widths)
    assert "layers × width" in svg
    assert "2 × 4" in svg


def test_students_of_the_same_pins_embed_them_once(
    tiny_student: Path, cut: Path, wide_and_narrow: list[Path], data: Path
) -> None:
    full, own = (Reference(CONFIG, load_student(path), data) for path in (tiny_student, cut))
    narrow = Reference(CONFIG, load_student(wide_and_narrow[1]), data)
    assert own.shares_pins(full)
    assert not narrow.shares_pins(full)


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
