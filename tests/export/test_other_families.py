"""Families beyond BERT's: served where the gates pass, refused in one line where they can't be."""

from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sentence_transformers.sentence_transformer.modules import Normalize

from pintower.config import ExportConfig, StudentConfig
from pintower.errors import StudentError
from pintower.export.build import GraphBuilder
from pintower.export.choice import choose_precision
from pintower.export.embedded import cosines
from pintower.export.parity import Measurement
from pintower.export.reference import Reference
from pintower.gates import explain, failed
from pintower.models.adoption import adopt
from pintower.models.student import load_student
from pintower.targets import load_target
from tests.models.adoption.tiny_encoders import write_backbone, write_static
from tests.training.conftest import write_data

SERVED = (
    "deberta", "deberta-v2", "gemma3_text", "gpt2", "llama", "mobilebert", "nomic_bert",
    "squeezebert", "xlm", "xmod",
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"), tiny_pins)


def build(family: str, target: str, data: Path, folder: Path) -> str:
    return built(write_backbone(folder / "backbone", family), target, data, folder)


def built(backbone: Path, target: str, data: Path, folder: Path) -> str:
    """Return the precision that is taken; the gates have passed in it."""
    for name in ("student", "graphs"):
        (folder / name).mkdir()
    adopt(StudentConfig(method="encoder", query_encoder=str(backbone)), data, folder / "student")
    student, settings = load_student(folder / "student"), load_target(target)
    reference = Reference(ExportConfig(parity_texts=20), student, data)
    builder = GraphBuilder(
        student, settings, folder / "graphs", lambda name: reference.calibration(name, 50)
    )
    choice = choose_precision(
        "query_encoder",
        settings.precision["query_encoder"],
        partial(builder.build, "query_encoder"),
        Measurement(reference, settings, folder / "graphs").query_encoder,
        (),
    )
    assert not [explain(item) for item in failed(choice.gates)]
    return choice.built.precision


@pytest.mark.parametrize("family", SERVED)
def test_family_is_served_in_fp32(family: str, data: Path, tmp_path: Path) -> None:
    assert build(family, "cpu-fp32", data, tmp_path) == "fp32"


@pytest.mark.parametrize(
    ("target", "taken"),
    [
        ("cpu-fp32", "fp32"),
        ("cpu-int8", "fp32"),
        ("cpu-int8-static", "fp32"),
        ("gpu-fp16", "fp16"),
        ("gpu-tensorrt-fp16", "fp16"),
    ],
)
def test_a_table_of_token_embeddings_is_built_for_every_target(
    target: str, taken: str, data: Path, tmp_path: Path
) -> None:
    """It has no product that int8 could be faster with, so int8 falls back."""
    encoder = write_static(tmp_path / "table", Normalize())
    assert built(encoder, target, data, tmp_path) == taken


@pytest.mark.parametrize("family", ["deberta-v2", "gpt2", "squeezebert"])
def test_family_is_served_on_the_default_target(family: str, data: Path, tmp_path: Path) -> None:
    """In int8 where that passes, else in fp32."""
    allowed = load_target("cpu-int8-static").precision["query_encoder"]
    assert build(family, "cpu-int8-static", data, tmp_path) in allowed


@pytest.mark.parametrize(
    ("family", "said"),
    [
        ("apertus", r"cannot be written as an ONNX graph.*no form of aten::expm1\. Not supported"),
        ("convbert", "moves by .* with the padding beside it.* Not supported"),
        ("fnet", "moves by .* with the padding beside it.* Not supported"),
        ("longformer", "ONNX graph fails at 1 tokens.* traced at. Not supported"),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_line(
    family: str, said: str, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StudentError, match=said) as error:
        build(family, "cpu-fp32", data, tmp_path)
    assert "\n" not in str(error.value)
    assert capfd.readouterr().out == ""  # torch's exporter would print the whole graph there


def test_rows_of_zeros_are_the_same_and_lengths_do_not_count() -> None:
    left = np.array([[0, 0], [3, 0], [0, 2], [0, 0]], dtype=np.float32)
    right = np.array([[0, 0], [7, 0], [2, 2], [1, 0]], dtype=np.float32)
    np.testing.assert_allclose(cosines(left, right), [1, 1, 0.5**0.5, 0], atol=1e-6)
