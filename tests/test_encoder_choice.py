"""The encoder follows from the texts, once, and is part of the stages' keys."""

import logging
from pathlib import Path

import polars as pl
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from pintower.config import Recipe
from pintower.data.tables import JUDGMENTS, PINS, QUERY_LOG, SCHEMAS
from pintower.encoder_choice import ENGLISH, MULTILINGUAL, settled
from pintower.errors import StudentError
from pintower.forecast import settled_recipe
from pintower.keys import stage_parts
from pintower.outlook import outlook
from pintower.pipeline import run_stages
from pintower.stages import STAGES

OPEN = Recipe.model_validate({"name": "test", "encoder": "auto"})
GERMAN, SHOES = "gefütterte laufschuhe damen", "running shoes women"


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Encoders that can be had; the English one knows four words."""
    folder = tmp_path / "english"
    folder.mkdir()
    words = {word: number for number, word in enumerate(["[UNK]", "home", *SHOES.split()])}
    tokenizer = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    there = {ENGLISH: folder, MULTILINGUAL: folder}

    def find(name: str) -> Path:
        if name in there:
            return there[name]
        raise StudentError(f"The encoder {name!r} cannot be found.")

    monkeypatch.setattr("pintower.encoder_choice.find_backbone", find)
    return there


def data_of(folder: Path, titles: list[str], queries: list[str]) -> Path:
    """A data folder with pins and a query log; nothing is judged."""
    folder.mkdir()
    pins = pl.DataFrame(
        {"pin_id": [f"pin-{number}" for number in range(len(titles))], "title": titles}
    )
    texts = {name: pl.lit("") for name in ("description", "caption")}
    lists = {name: pl.lit([], pl.List(pl.String)) for name in ("board_titles", "engaged_queries")}
    pins.with_columns(**texts, **lists, language=pl.lit(None, pl.String)).write_parquet(
        folder / f"{PINS}.parquet"
    )
    pl.DataFrame(schema=SCHEMAS[JUDGMENTS]).write_parquet(folder / f"{JUDGMENTS}.parquet")
    log = pl.DataFrame({"query": queries, "timestamp": [None] * len(queries)})
    log.write_parquet(folder / f"{QUERY_LOG}.parquet")
    return folder


def places(recipe: Recipe) -> set[str]:
    teacher, student = recipe.teacher, recipe.student
    named = (teacher.encoder, teacher.similarity_encoder)
    return {recipe.encoder, *named, student.query_encoder, student.pin_encoder}


@pytest.mark.parametrize(
    ("titles", "queries", "taken"),
    [
        ([SHOES] * 9 + [GERMAN], [SHOES] * 3, ENGLISH),
        ([SHOES] * 7 + [GERMAN] * 3, [SHOES] * 3, MULTILINGUAL),
        ([SHOES] * 10, [f"{SHOES} {number}" for number in range(3)] + [GERMAN], MULTILINGUAL),
    ],
    ids=["few foreign pins", "many foreign pins", "many foreign queries"],
)
def test_the_texts_decide_in_all_places(
    tmp_path: Path, titles: list[str], queries: list[str], taken: str
) -> None:
    data = data_of(tmp_path / "data", titles, queries)
    assert places(settled(OPEN, data)) == {taken}


def test_it_says_what_it_takes_and_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    settled(OPEN, data_of(tmp_path / "data", [SHOES, GERMAN], [SHOES]))
    assert caplog.messages == [
        f"encoder: {MULTILINGUAL}, as 0% of the queries and 50% of the pins are in other "
        "languages than English"
    ]


def test_an_encoder_that_cannot_be_had_is_replaced_with_a_warning(
    tmp_path: Path, hub: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    del hub[MULTILINGUAL]
    assert places(settled(OPEN, data_of(tmp_path / "data", [GERMAN], [GERMAN]))) == {ENGLISH}
    (warned,) = [each.message for each in caplog.records if each.levelno == logging.WARNING]
    for said in ("cannot be found", f"{ENGLISH} is taken instead", "--set encoder=FOLDER"):
        assert said in warned


def test_a_key_that_is_given_wins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = data_of(tmp_path / "data", [GERMAN], [GERMAN])
    recipe = Recipe.model_validate(
        {"name": "test", "encoder": "auto", "student": {"query_encoder": "mine"}}
    )
    found = settled(recipe, data)
    assert found.student.query_encoder == "mine"
    assert found.student.pin_encoder == found.teacher.encoder == MULTILINGUAL
    named = Recipe.model_validate({"name": "test", "encoder": "mine"})
    caplog.clear()
    assert settled(named, data) is named
    assert places(named) == {"mine"}
    assert not caplog.messages


def test_an_encoder_as_it_is_stays_one_for_both_sides(tmp_path: Path) -> None:
    data = data_of(tmp_path / "data", [GERMAN], [GERMAN])
    student = {"method": "encoder"}
    recipe = Recipe.model_validate({"name": "test", "encoder": "auto", "student": student})
    assert places(settled(recipe, data)) == {MULTILINGUAL}
    mine = Recipe.model_validate(
        {"name": "test", "encoder": "auto", "student": {**student, "query_encoder": "mine"}}
    )
    assert mine.student.pin_encoder == "mine"


def test_the_choice_is_part_of_the_stages_keys(tmp_path: Path) -> None:
    teacher = STAGES[1]
    parts = [
        stage_parts(teacher, settled(OPEN, data_of(tmp_path / name, [text], [text])), {}, None)
        for name, text in (("one", SHOES), ("other", SHOES), ("german", GERMAN))
    ]
    assert parts[0] == parts[1]
    assert parts[0] != parts[2]
    assert parts[2]["teacher.encoder"] == MULTILINGUAL


def dataset_of(folder: Path, text: str) -> Recipe:
    folder.mkdir()
    (folder / "pins.jsonl").write_text(f'{{"pin_id": "a", "title": "{text}"}}\n')
    section = {"path": folder, "judgments_required": False}
    return Recipe.model_validate({"name": "test", "encoder": "auto", "data": section})


def test_run_and_show_settle_alike_and_showing_writes_nothing(tmp_path: Path) -> None:
    recipe, work = dataset_of(tmp_path / "dataset", GERMAN), tmp_path / "work"
    shown = settled_recipe(recipe, work)
    assert places(shown) == {MULTILINGUAL}
    assert not work.exists()
    told: list[Recipe] = []
    run_stages(STAGES[:1], recipe, work, begun=lambda found, data: told.append(found))
    assert told == [shown] == [settled_recipe(recipe, work)]


def test_the_outlook_says_what_there_is_and_what_follows(tmp_path: Path) -> None:
    recipe, work = dataset_of(tmp_path / "dataset", SHOES), tmp_path / "work"
    run_stages(STAGES[:1], recipe, work)
    lines = dict(line.split(": ", 1) for line in outlook(recipe, work / "data"))
    assert lines["pins"] == "1"
    assert lines["judgments"] == lines["impressions"] == "none"
    assert lines["languages of the pins, as stated"] == "none"
    assert lines["teacher"].startswith("none, there are no judgments")
    assert lines["student"].startswith("the encoder as it is, since")
