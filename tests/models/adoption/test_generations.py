"""Folders that the real sentence-transformers 2.7 to 6.2 wrote give those libraries' embeddings.

Written by ``tests/fixtures/make_generations.py``, with what each library embedded.
"""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pintower.config import StudentConfig
from pintower.models.adoption import adopt
from pintower.models.student import load_student
from tests.training.conftest import write_data

GENERATIONS = Path(__file__).parents[2] / "fixtures" / "generations"
WRITTEN = sorted(path.relative_to(GENERATIONS) for path in GENERATIONS.glob("*/*.json"))


@pytest.fixture(scope="module")
def data(tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), tiny_pins)


def test_five_generations_are_there() -> None:
    assert {path.parts[0] for path in WRITTEN} == {"2.7", "3.4", "4.1", "5.7", "6.2"}
    assert len(WRITTEN) == 19  # sentence-transformers 2 knows no static embeddings


@pytest.mark.parametrize("written", WRITTEN, ids=str)
def test_embeddings_are_those_of_the_library_that_wrote_the_folder(
    written: Path, data: Path, tmp_path: Path
) -> None:
    told = json.loads((GENERATIONS / written).read_text())
    encoder = (GENERATIONS / written).with_suffix("")
    adopt(StudentConfig(method="encoder", query_encoder=str(encoder)), data, tmp_path)
    student = load_student(tmp_path)
    np.testing.assert_allclose(
        student.embed_queries(told["queries"]), told["query_embeddings"], atol=1e-5
    )
    pins = pl.DataFrame({"title": told["pins"]})
    np.testing.assert_allclose(student.embed_pins(pins), told["pin_embeddings"], atol=1e-5)
