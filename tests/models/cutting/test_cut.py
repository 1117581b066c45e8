import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.artifacts import hash_files, read_json
from pintower.errors import DatasetError, StudentError
from pintower.models.cutting import cut_student
from pintower.models.cutting.texts import QueryTexts, read_texts
from pintower.models.encoders import layer_stack
from pintower.models.student import load_student

QUERIES = ["red shoes", "blue sofa", "lemon cake", "garden bench", "beach house"]


@pytest.fixture(scope="module")
def data(tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    tiny_pins.write_parquet(folder / "pins.parquet")
    splits = ["train", "train", "train", "validation", "test"]
    rows = [
        {"query": query, "pin_id": "pin-001", "level": 3, "split": split}
        for query, split in zip(QUERIES, splits, strict=True)
    ]
    pl.DataFrame(rows).write_parquet(folder / "judgments.parquet")
    log = pl.DataFrame({"query": [*QUERIES, "my home"]})
    log.write_parquet(folder / "query_log.parquet")
    return folder


def cut(student: Path, data: Path, folder: Path, steps: int = 30) -> Path:
    folder.mkdir()
    cut_student(student, data, folder, layers=1, steps=steps, seed=1, bf16=False)
    return folder


def test_cut_student_has_fewer_layers_and_the_same_pins(
    tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    folder = cut(tiny_student, data, tmp_path / "cut")
    student = load_student(folder)
    assert len(layer_stack(student.query_encoder[0].auto_model)) == 1
    assert student.query_encoder[0].auto_model.config.num_hidden_layers == 1
    for part in ("pin_encoder", "scoring_head", "match_stats", "calibration"):
        assert hash_files(folder / part) == hash_files(tiny_student / part)
    assert (folder / "text.json").read_bytes() == (tiny_student / "text.json").read_bytes()


def test_texts_without_blanks_are_drawn_in_pieces() -> None:
    long = "红色的运动鞋适合在夏天的海边散步穿" * 4
    texts = QueryTexts(["红色运动鞋"], ["鞋"], [long], [long], ["鞋子"])
    drawn = texts.draw(300, np.random.default_rng(0))
    assert max(map(len, drawn)) <= 2 * 16 + 1  # sixteen words, each of two characters, and a blank
    assert {text for text in drawn if text in long} - {"红色运动鞋"}
    assert not any(text != text.strip() for text in drawn)


def test_training_brings_held_out_queries_closer(
    tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    made = read_json(cut(tiny_student, data, tmp_path / "cut") / "cut.json")
    assert made["held_out_queries"] == 1
    assert made["mean_cosine"] > made["start_mean_cosine"]
    assert made["kept"] == [0]


def test_same_seed_gives_the_same_weights(tiny_student: Path, data: Path, tmp_path: Path) -> None:
    first, second = (
        cut(tiny_student, data, tmp_path / name, steps=4) for name in ("first", "second")
    )
    assert hash_files(first / "query_encoder") == hash_files(second / "query_encoder")


def test_held_out_queries_are_never_learned_from(data: Path) -> None:
    texts = read_texts(data, seed=1)
    assert texts.held_out == ["garden bench"]
    assert texts.queries == ["blue sofa", "lemon cake", "my home", "red shoes"]
    assert len(texts.draw(200, np.random.default_rng(0))) == 200
    assert all(texts.draw(200, np.random.default_rng(0)))


@pytest.mark.parametrize("layers", [0, 2, 5])
def test_more_layers_than_there_are_to_cut_are_refused(
    layers: int, tiny_student: Path, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(StudentError, match=f"has 2 layers and cannot be cut to {layers}"):
        cut_student(tiny_student, data, tmp_path, layers=layers, steps=1, seed=1, bf16=False)


def test_dataset_without_queries_is_refused(tiny_student: Path, data: Path, tmp_path: Path) -> None:
    silent = tmp_path / "data"
    shutil.copytree(data, silent)
    for name in ("judgments", "query_log"):
        table = pl.read_parquet(silent / f"{name}.parquet")
        table.clear().write_parquet(silent / f"{name}.parquet")
    with pytest.raises(DatasetError, match="0 queries to learn from"):
        cut(tiny_student, silent, tmp_path / "cut")
