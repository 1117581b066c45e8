from pathlib import Path

import pytest
from pydantic import ValidationError

from pintower.config import ExportConfig, Recipe, StudentConfig
from pintower.errors import RecipeError
from pintower.recipes import load_recipe


def test_a_student_of_one_encoder_names_it_once() -> None:
    config = StudentConfig(method="encoder", query_encoder="intfloat/e5-small-v2")
    assert config.pin_encoder == "intfloat/e5-small-v2"
    assert StudentConfig(method="encoder").pin_encoder == StudentConfig().query_encoder


def test_texts_are_cut_where_the_encoder_itself_cuts_them_if_it_is_not_trained() -> None:
    assert StudentConfig().pin_max_tokens == 64
    assert StudentConfig().source_max_chars == 256
    stated = StudentConfig(method="encoder")
    assert (stated.query_max_tokens, stated.pin_max_tokens, stated.source_max_chars) == (None,) * 3
    assert StudentConfig(method="encoder", pin_max_tokens=48).pin_max_tokens == 48
    assert StudentConfig(method="encoder", source_max_chars=99).source_max_chars == 99
    with pytest.raises(ValidationError, match="for method 'encoder'"):
        StudentConfig(pin_max_tokens=None)


def test_two_encoders_that_nothing_brings_together_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[student]\nmethod = "encoder"\npin_encoder = "other"\n')
    with pytest.raises(RecipeError, match="takes one encoder for both towers"):
        load_recipe(path)


@pytest.mark.parametrize("given", [[], ["bf17"], "bf16"])
def test_precisions_of_the_pin_encoder_are_a_list_of_known_ones(given: object) -> None:
    assert ExportConfig.model_validate({"pin_precision": ["bf16", "fp32"]}).pin_precision == (
        "bf16",
        "fp32",
    )
    with pytest.raises(ValidationError, match="pin_precision"):
        ExportConfig.model_validate({"pin_precision": given})


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_that_libraries_do_not_take_is_refused(seed: int) -> None:
    sections = [name for name in Recipe.model_fields if name != "name"]
    seeded = [
        name
        for name in sections
        if "seed" in getattr(Recipe.model_fields[name].annotation, "model_fields", {})
    ]
    assert {"data", "student", "teacher"} <= set(seeded)
    for name in seeded:
        with pytest.raises(ValueError, match="seed"):
            Recipe.model_validate({"name": "r", name: {"seed": seed}})


@pytest.mark.parametrize(
    ("widths", "told"),
    [((64, 128), r"holds 128, and width is 128; give widths from 1 to 127"), ((8, 8), "twice")],
)
def test_widths_are_distinct_and_narrower_than_the_width(
    widths: tuple[int, ...], told: str
) -> None:
    assert StudentConfig(width=128, widths=(64, 8)).widths == (64, 8)
    with pytest.raises(ValueError, match=told):
        StudentConfig(width=128, widths=widths)
