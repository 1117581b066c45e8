"""A language that a graph ranks wrongly, among many queries of one that it ranks as torch does."""

import math
import shutil
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from pintower.config import ExportConfig
from pintower.contracts import BuiltGraph
from pintower.data.calibration import write_calibration
from pintower.data.tables import JUDGMENTS, QUERIES, empty
from pintower.export.build import GraphBuilder
from pintower.export.choice import choose_precision
from pintower.export.judged import LEAST_QUERIES, JudgedPairs
from pintower.export.language_gates import language_cosine_gates, language_ranking_gates
from pintower.export.parity import Measurement
from pintower.export.ranking_gates import ranking_gates
from pintower.export.reference import Reference
from pintower.export.samples import token_batches
from pintower.gates import Gate, explain, failed, require_gate_names
from pintower.models.freezing import ensure_calibration
from pintower.models.pairs import Pairs
from pintower.models.student import Student, load_student
from pintower.targets import Limits, Precision, load_target
from tests.export.test_sabotage import sharpen

LIMITS = load_target("cpu-int8-static").limits
LOSS, LOW = "ranking.language_ndcg_loss_rel", "ranking.language_ndcg_loss_rel_low"
PINS = 10


def judged(**queries: int) -> JudgedPairs:
    """Return ten pins of levels 1 to 5 for each of some queries of each language."""
    total = sum(queries.values())
    nothing = np.zeros((0, 0), np.float32)
    return JudgedPairs(
        pairs=Pairs(
            queries=[f"query {row}" for row in range(total)],
            pins=pl.DataFrame(),
            query=np.repeat(np.arange(total), PINS),
            pin=np.tile(np.arange(PINS), total),
        ),
        levels=np.tile(np.arange(PINS) % 5 + 1, total),
        languages=np.repeat(list(queries), [count * PINS for count in queries.values()]),
        drawn=np.ones(total * PINS, bool),
        match_features=nothing,
        pins=nothing,
        queries=nothing,
    )


def scored(pairs: JudgedPairs, *wrong: str, queries: int = 10_000) -> NDArray[np.float32]:
    """Return the levels as scores, upside down for the first queries of some languages."""
    scores = pairs.levels.astype(np.float32)
    assert pairs.languages is not None
    for language in wrong:
        rows = np.flatnonzero(pairs.languages == language)[: queries * PINS]
        scores[rows] *= -1
    return scores


def measured(
    pairs: JudgedPairs, given: NDArray[np.float32], limits: Limits = LIMITS
) -> dict[str, Gate]:
    gates = language_ranking_gates("ranking", pairs, scored(pairs), given, limits)
    return {item.name: item for item in gates}


def test_a_language_ranked_wrongly_fails_where_all_queries_together_pass() -> None:
    pairs = judged(en=5_000, th=25, ja=40)
    wanted, given = scored(pairs), scored(pairs, "th")
    assert not failed(ranking_gates("ranking", pairs, wanted, given, LIMITS))
    gates = measured(pairs, given)
    assert [item.name for item in failed(gates.values())] == [LOSS, LOW]
    for item in gates.values():
        assert item.detail["language"] == "th"
        assert item.detail["queries"] == 25
        assert "language th" in explain(item)
    assert gates[LOSS].detail["losses"].keys() == {"en", "ja", "th"}
    assert gates[LOSS].detail["losses"]["ja"] == 0


def test_queries_added_for_a_language_count_in_its_own_figures_alone() -> None:
    pairs = judged(en=40, th=25)
    pairs = replace(pairs, drawn=pairs.languages == "en")
    given = scored(pairs, "th")
    assert len(failed(measured(pairs, given).values())) == 2
    whole = ranking_gates("ranking", pairs, scored(pairs), given, LIMITS)
    assert [item.measured for item in whole[:3]] == [0, 0, 0]
    assert whole[0].detail["queries"] == 40
    assert whole[0].detail["pairs"] == 40 * PINS


def test_nothing_lost_in_any_language_passes() -> None:
    pairs = judged(en=200, th=25, ja=40)
    gates = measured(pairs, scored(pairs))
    assert gates.keys() == {LOSS, LOW}
    assert [item.measured for item in gates.values()] == [0, 0]
    assert all(item.passed and item.allowed is not None for item in gates.values())


def test_one_query_of_a_language_is_noise() -> None:
    """The interval of its loss is wider than the limit, and begins at none."""
    pairs = judged(en=200, th=20)
    gates = measured(pairs, scored(pairs, "th", queries=1))
    assert not failed(gates.values())
    assert gates[LOSS].detail["losses"]["th"] > 0.02
    assert gates[LOSS].detail["without_limit"].endswith(": th")
    assert (gates[LOSS].detail["language"], gates[LOSS].measured) == ("en", 0)
    assert gates[LOW].measured == 0


def test_the_more_languages_the_wider_the_intervals_so_that_chance_fails_none() -> None:
    few, many = judged(en=50, th=50), judged(**{f"l{row}": 50 for row in range(20)})
    assert measured(few, scored(few))[LOSS].detail["confidence"] == pytest.approx(0.975)
    assert measured(many, scored(many))[LOSS].detail["confidence"] == pytest.approx(0.9975)


def test_languages_with_few_queries_are_measured_together_and_named() -> None:
    pairs = judged(en=200, th=8, ko=7, ja=9)
    gates = measured(pairs, scored(pairs, "th", "ko", "ja"))
    assert len(failed(gates.values())) == 2
    assert gates[LOSS].detail["language"] == "others together"
    assert gates[LOSS].detail["queries"] == 24
    assert gates[LOSS].detail["together"] == {"ja": 9, "ko": 7, "th": 8}


def test_languages_with_too_few_queries_are_named_as_unmeasured() -> None:
    pairs = judged(en=200, th=LEAST_QUERIES - 1)
    gates = measured(pairs, scored(pairs, "th"))
    assert not failed(gates.values())
    assert gates[LOSS].detail["unmeasured"] == {"th": LEAST_QUERIES - 1}
    assert gates[LOSS].detail["losses"] == {"en": 0}
    pairs = judged(en=5, th=5)
    (told,) = measured(pairs, scored(pairs, "th")).values()
    assert math.isnan(told.measured) and told.passed
    assert "not measured (reason no language has 20 judged queries" in explain(told)
    assert "{'en': 5, 'th': 5}" in explain(told)


def test_queries_whose_pins_are_of_one_level_in_a_language_count_for_nothing() -> None:
    """A query may be judged in two languages; each ranks its own pins."""
    pairs = judged(en=40, th=20)
    levels = pairs.levels.copy()
    levels[pairs.languages == "th"] = 3
    gates = measured(replace(pairs, levels=levels), scored(pairs))
    assert gates[LOSS].detail["unmeasured"] == {"th": 0}


def test_one_language_or_none_has_no_gates() -> None:
    pairs = replace(judged(en=40), languages=None)
    assert language_ranking_gates("ranking", pairs, pairs.levels, pairs.levels, LIMITS) == []
    assert language_cosine_gates("query_encoder", ["en"] * 3, np.ones(3), LIMITS) == []


def test_limits_of_an_earlier_version_tell_the_loss_and_stop_nothing() -> None:
    pairs = judged(en=40, th=20)
    limits = LIMITS.model_copy(update={"language_ndcg_max_loss": None})
    gates = measured(pairs, scored(pairs, "th"), limits)
    assert not failed(gates.values())
    assert gates[LOSS].detail["language"] == "th"
    assert "without_limit" not in gates[LOSS].detail


def test_the_language_that_is_embedded_worst_is_held_to_the_cosine() -> None:
    languages = ["en"] * 98 + ["th"] * 2
    cosine = np.where(np.array(languages) == "th", 0.9, 1).astype(np.float32)
    (found,) = language_cosine_gates("query_encoder", languages, cosine, LIMITS)
    assert not found.passed
    assert found.detail["language"] == "th"
    assert found.detail["texts"] == 2
    assert language_cosine_gates("query_encoder", languages, np.ones(100), LIMITS)[0].passed
    cosine[0] = np.nan
    (found,) = language_cosine_gates("query_encoder", languages, cosine, LIMITS)
    assert (found.passed, found.detail["language"]) == (False, "en")


@pytest.mark.parametrize(
    "name", ["ranking.language_ndcg_loss_rel_low", "target.pin_encoder.language_cosine"]
)
def test_gates_can_be_overruled_by_name(name: str) -> None:
    require_gate_names([name])


ENGLISH = ["red", "blue", "lemon", "cake", "sofa", "shoes", "garden", "bench", "beach", "house"]
FOREIGN = ["vegan", "travel", "winter", "chocolate", "kitchen", "lamp", "summer", "fashion"]
"""Words that no text has that the tiny student is calibrated or compared on."""


@pytest.fixture
def bilingual(tiny_student: Path, tiny_pins: pl.DataFrame, tmp_path: Path) -> Path:
    """A data folder: 20 queries of one language among 700, levels as torch scores the pins."""
    foreign = [" ".join(pair) for pair in combinations(FOREIGN, 2)][:LEAST_QUERIES]
    english = [
        f"{one} {other} {row}" for (one, other), row in product(combinations(ENGLISH, 2), range(15))
    ]
    rows = [
        {"query": query, "pin_id": pin, "level": 1 + row % 5, "language": name, "split": "test"}
        for name, queries in (("en", english), ("th", foreign))
        for query in queries
        for row, pin in enumerate(tiny_pins["pin_id"][:PINS])
    ]
    table = pl.DataFrame(rows).sort("query", "pin_id")
    tiny_pins.write_parquet(tmp_path / "pins.parquet")
    table.write_parquet(tmp_path / "judgments.parquet")
    student = matching(tiny_student)
    pairs = Reference(CONFIG, student, tmp_path).judged
    assert pairs is not None
    ranks = pairs.scores(student).reshape(-1, PINS).argsort(axis=1).argsort(axis=1)
    levels = pl.Series("level", 1 + ranks.ravel() // 2)
    table.with_columns(levels).write_parquet(tmp_path / "judgments.parquet")
    return tmp_path


CONFIG = ExportConfig(parity_texts=20, ranking_queries=1_000)


def test_a_precision_that_breaks_one_languages_tokens_gives_way_to_the_next(
    tiny_student: Path, bilingual: Path, tmp_path: Path
) -> None:
    student, target = matching(tiny_student), load_target("cpu-int8-static")
    reference = Reference(CONFIG, student, bilingual)
    tokenizer = reference.query_tokenizer
    builder = GraphBuilder(
        student, target, tmp_path, lambda name: token_batches(tokenizer, ["red shoes", "sofa"])
    )

    def build(precision: Precision) -> BuiltGraph:
        built = builder.build("query_encoder", "fp32")
        if precision != "fp32":
            forget(tmp_path / built.file, [tokenizer.token_to_id(word) for word in FOREIGN])
        return built.model_copy(update={"precision": precision})

    measurement = Measurement(reference, target, tmp_path)
    choice = choose_precision(
        "query_encoder", ["int8-static", "fp32"], build, measurement.query_encoder, []
    )
    assert choice.built.precision == "fp32"
    assert not failed(choice.gates)
    refused = choice.gates[-1].detail["refused"]["int8-static"]
    assert {line.partition(":")[0] for line in refused} == {LOW, "query_encoder.language_cosine"}
    assert all("language th" in line for line in refused)


def matching(folder: Path) -> Student:
    """Return a random student whose scores hang on how query and pin match and on nothing else."""
    student = sharpen(load_student(folder))
    width = student.head.width
    weight = student.head.layers[0].weight
    with torch.no_grad():
        weight[:, : 2 * width] = 0
        weight[:, 2 * width : 3 * width] *= 30
        weight[:, 3 * width :] = 0
    return student


def forget(path: Path, tokens: list[int]) -> None:
    """Give tokens each other's rows of the embedding table."""
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if "word_embeddings" in tensor.name:
            table = numpy_helper.to_array(tensor).copy()
            table[tokens] = table[tokens[::-1]]
            tensor.CopyFrom(numpy_helper.from_array(table, tensor.name))
    onnx.save(model, path)


@pytest.mark.parametrize("stated", [True, False])
def test_pins_are_compared_by_language_where_the_student_kept_it(
    stated: bool, tiny_student: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    """Students of earlier versions did not."""
    folder = Path(shutil.copytree(tiny_student, tmp_path / "student"))
    shutil.rmtree(folder / "calibration")
    languages = [("en", "en", "th")[row % 3] for row in range(len(tiny_pins))]
    pins = tiny_pins.with_columns(pl.Series("language", languages))
    data = tmp_path / "data"
    data.mkdir()
    log = pl.DataFrame({"query": ["red shoes", "sofa"]})
    write_calibration(
        data, pins if stated else pins.drop("language"), empty(JUDGMENTS), log, empty(QUERIES)
    )
    ensure_calibration(folder, data)
    student, target = load_student(folder), load_target("cpu-fp32")
    reference = Reference(CONFIG, student, data)
    builder = GraphBuilder(student, target, tmp_path, lambda name: reference.calibration(name, 10))
    built = builder.build("pin_encoder", "fp32")
    gates = {
        item.name: item for item in Measurement(reference, target, tmp_path).pin_encoder(built)
    }
    assert not failed(gates.values())
    assert ("pin_encoder.language_cosine" in gates) == stated
    if stated:
        detail = gates["pin_encoder.language_cosine"].detail
        assert detail["cosines"] == pytest.approx({"en": 1, "th": 1})
