"""What graphs are calibrated on is a part of the student: written once, and hashed."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.artifacts import hash_files
from pintower.data.calibration import write_calibration
from pintower.data.tables import empty
from pintower.errors import DatasetError, SetupError, StudentError
from pintower.models.calibration import Calibration
from pintower.models.encoders import build_encoder, save_encoder
from pintower.models.freezing import ensure_calibration
from pintower.models.layout import space_id
from pintower.models.pin_inputs import feature_matrix, pin_texts
from pintower.models.student import load_student


@pytest.fixture
def student(tiny_student: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_student, tmp_path / "student"))


def data_of(pins: pl.DataFrame, folder: Path) -> Path:
    folder.mkdir()
    log = pl.DataFrame({"query": ["Red  Shoes", "sofa"]})
    write_calibration(folder, pins, empty("judgments"), log, empty("queries"))
    return folder


def test_texts_are_kept_as_the_encoders_see_them(
    student: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    shutil.rmtree(student / "calibration")
    ensure_calibration(student, data_of(tiny_pins, tmp_path / "data"))
    loaded = load_student(student)
    frozen = Calibration.load(loaded)
    assert sorted(frozen.queries.texts) == ["red shoes", "sofa"]
    assert frozen.queries.features is None
    assert sorted(frozen.compared_queries.texts) == ["Red  Shoes", "sofa"]
    texts = pin_texts(tiny_pins, loaded.rendering)
    features = feature_matrix(tiny_pins, loaded.columns)
    assert features is not None and frozen.pins.features is not None
    wanted = {text: row.tolist() for text, row in zip(texts, features, strict=True)}
    given = zip(frozen.pins.texts, frozen.pins.features, strict=True)
    assert {text: row.tolist() for text, row in given} == wanted
    assert frozen.pins.features.dtype == np.float32


def test_pins_to_compare_on_keep_their_language_where_the_data_has_it(
    student: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    languages = [("en", "th", None)[row % 3] for row in range(len(tiny_pins))]
    spoken = tiny_pins.with_columns(pl.Series("language", languages))
    for pins in (spoken, tiny_pins.drop("language")):
        shutil.rmtree(student / "calibration")
        data = data_of(pins, tmp_path / f"data-{'language' in pins.columns}")
        ensure_calibration(student, data)
        compared = Calibration.load(load_student(student)).compared_pins
        assert ("language" in compared.columns) == ("language" in pins.columns)
        if "language" in pins.columns:
            wanted = dict(zip(pins["pin_id"], languages, strict=True))
            assert dict(compared.select("pin_id", "language").iter_rows()) == wanted


def test_what_is_there_is_never_drawn_again_and_is_no_part_of_the_space(
    student: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    before, space = hash_files(student), space_id(student)
    ensure_calibration(student, data_of(tiny_pins[:5], tmp_path / "data"))
    assert hash_files(student) == before
    shutil.rmtree(student / "calibration")
    ensure_calibration(student, tmp_path / "data")
    assert hash_files(student) != before
    assert space_id(student) == space


def test_a_student_without_it_is_told_what_draws_it(student: Path) -> None:
    shutil.rmtree(student / "calibration")
    with pytest.raises(StudentError, match=r"no calibration/.*`pintower build` draws it"):
        Calibration.load(load_student(student))


@pytest.mark.parametrize("name", ["pins", "queries", "compared_pins", "compared_queries"])
def test_a_changed_file_is_refused(student: Path, name: str) -> None:
    path = student / "calibration" / f"{name}.parquet"
    pl.read_parquet(path)[1:].write_parquet(path)
    with pytest.raises(StudentError, match="not those that calibration.json names"):
        Calibration.load(load_student(student))


def test_a_folder_that_cannot_be_written_says_what_to_do(
    student: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    shutil.rmtree(student / "calibration")
    (student / ".calibration").write_text("in the way, as a read-only folder would be")
    with pytest.raises(SetupError, match=r"Make .* writable, or copy it"):
        ensure_calibration(student, data_of(tiny_pins, tmp_path / "data"))
    assert not (student / "calibration").exists()


def test_data_without_a_feature_column_is_refused_and_nothing_is_left(
    student: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    shutil.rmtree(student / "calibration")
    data = data_of(tiny_pins.drop("graph_vector"), tmp_path / "data")
    with pytest.raises(DatasetError, match=r"no column 'graph_vector'.*given: pin_id, title"):
        ensure_calibration(student, data)
    assert not [path for path in student.iterdir() if "calibration" in path.name]


def test_vectors_of_another_width_than_the_encoder_takes_are_refused(
    student: Path, tiny_backbone: Path
) -> None:
    columns = [{"name": "topic", "width": 3}]
    save_encoder(
        build_encoder(str(tiny_backbone), width=16, layers=None, columns=columns),
        student / "query_encoder",
    )
    with pytest.raises(StudentError, match="width 0, the encoder takes 3. Remove"):
        Calibration.load(load_student(student))
