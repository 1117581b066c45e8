import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from pintower.artifacts import hash_files, read_json
from pintower.config import StudentConfig
from pintower.data.tables import SCHEMAS, empty
from pintower.errors import StudentError
from pintower.models.adoption import adopt
from pintower.models.cutting import cut_student
from pintower.models.narrowing import Narrowed, narrow_student
from pintower.models.pairs import number_pairs, pair_match_features
from pintower.models.scoring_head import ScoringHead
from pintower.models.student import load_student, space_id
from pintower.text.match_features import FEATURES, fit_statistics

QUERIES = [f"{word} {thing}" for word in ("red", "blue", "new") for thing in
           ("shoes", "sofa", "cake", "bench", "house")]  # fmt: skip


@pytest.fixture(scope="module")
def nested(tiny_student: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny student of width 16, with heads of widths 8 and 4."""
    folder = tmp_path_factory.mktemp("nested") / "student"
    shutil.copytree(tiny_student, folder)
    for width in (8, 4):
        torch.manual_seed(width)
        ScoringHead(width, FEATURES, (6,)).save(folder / "narrower_heads" / str(width))
    return folder


@pytest.fixture(scope="module")
def data(tiny_pins: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifteen queries, each judged on all pins by its words; the last three are for the test."""
    folder = tmp_path_factory.mktemp("data")
    tiny_pins.write_parquet(folder / "pins.parquet")
    rows = [
        {"query": query, "pin_id": pin_id, "split": "test" if number >= 12 else "train",
         "level": 1 + 2 * sum(word in title for word in query.split())}
        for number, query in enumerate(QUERIES)
        for pin_id, title in tiny_pins.select("pin_id", "title").iter_rows()
    ]  # fmt: skip
    schema = {name: kind for name, kind in SCHEMAS["judgments"].items() if name in rows[0]}
    pl.DataFrame(rows, schema=schema).write_parquet(folder / "judgments.parquet")
    empty("query_log").write_parquet(folder / "query_log.parquet")
    fit_statistics(tiny_pins.iter_rows(named=True)).save(folder / "match_stats")
    return folder


@pytest.fixture
def silent(data: Path, tmp_path: Path) -> Path:
    """The same catalogue without judgments."""
    folder = shutil.copytree(data, tmp_path / "silent")
    empty("judgments").write_parquet(folder / "judgments.parquet")
    return folder


def narrow(student: Path, data: Path, folder: Path, width: int) -> tuple[Path, Narrowed]:
    folder.mkdir()
    return folder, narrow_student(student, data, folder, width=width, seed=1)


def cut(embeddings: np.ndarray, width: int) -> np.ndarray:
    first = embeddings[:, :width]
    return first / np.linalg.norm(first, axis=1, keepdims=True)


def test_a_trained_width_gives_the_sources_first_numbers_and_the_scores_of_its_head(
    nested: Path, data: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    folder, made = narrow(nested, data, tmp_path / "narrow", 8)
    source, student = load_student(nested), load_student(folder)
    queries, pins = QUERIES[:5] * 8, tiny_pins["pin_id"].to_list()
    pairs = number_pairs(queries, pins, tiny_pins)
    whole = source.embed_queries(pairs.queries), source.embed_pins(pairs.pins)
    given = student.embed_queries(pairs.queries), student.embed_pins(pairs.pins)
    for before, after in zip(whole, given, strict=True):
        np.testing.assert_allclose(after, cut(before, 8), atol=1e-6)
    matches = pair_match_features(pairs, source.statistics)
    head = ScoringHead.load(nested / "narrower_heads" / "8")
    with torch.inference_mode():
        wanted = torch.softmax(
            head(
                torch.from_numpy(cut(whole[0], 8)[pairs.query]),
                torch.from_numpy(cut(whole[1], 8)[pairs.pin]),
                torch.from_numpy(matches),
            ),
            dim=1,
        ).numpy()
    scores = student.score(given[0][pairs.query], given[1][pairs.pin], matches)
    np.testing.assert_allclose(scores, wanted, atol=1e-6)
    assert (made.numbers, made.head, made.widths) == ("first", "trained", (4,))


def test_what_does_not_hang_on_the_width_is_the_sources(
    nested: Path, data: Path, tmp_path: Path
) -> None:
    folder, made = narrow(nested, data, tmp_path / "narrow", 8)
    for part in ("match_stats", "calibration", "narrower_heads/4"):
        assert hash_files(folder / part) == hash_files(nested / part)
    assert (folder / "text.json").read_bytes() == (nested / "text.json").read_bytes()
    assert load_student(folder).layout.widths() == [4]
    assert space_id(folder) != space_id(nested)
    assert read_json(folder / "narrow.json")["width"] == made.width == 8
    again, _ = narrow(folder, data, tmp_path / "again", 4)
    at_once, _ = narrow(nested, data, tmp_path / "at-once", 4)
    assert hash_files(again / "pin_encoder") == hash_files(at_once / "pin_encoder")
    assert hash_files(again / "scoring_head") == hash_files(at_once / "scoring_head")


def test_the_fall_is_measured_on_held_out_queries_through_the_narrowed_student(
    nested: Path, data: Path, silent: Path, tmp_path: Path
) -> None:
    _, made = narrow(nested, data, tmp_path / "narrow", 4)
    assert made.held_out_queries == 3
    assert made.difference is not None and made.ndcg is not None and made.full_ndcg is not None
    assert made.difference.value == pytest.approx(
        (made.ndcg.value or 0) - (made.full_ndcg.value or 0)
    )
    assert made.difference.value != 0
    _, unmeasured = narrow(nested, silent, tmp_path / "unmeasured", 4)
    assert (unmeasured.held_out_queries, unmeasured.difference) == (0, None)


def test_a_width_between_trained_ones_is_cut_and_gets_a_head_from_the_judgments(
    nested: Path, data: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    folder, made = narrow(nested, data, tmp_path / "narrow", 6)
    assert (made.numbers, made.widths) == ("first", (4,))
    assert made.head in ("cosine", "linear", "mlp")
    before, after = (load_student(place).embed_pins(tiny_pins) for place in (nested, folder))
    np.testing.assert_allclose(after, cut(before, 6), atol=1e-6)


def test_without_trained_widths_principal_axes_keep_more_of_the_products_than_a_cut(
    tiny_student: Path, data: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    folder, made = narrow(tiny_student, data, tmp_path / "narrow", 4)
    assert (made.numbers, made.widths) == ("principal axes", ())
    source, student = load_student(tiny_student), load_student(folder)
    assert [type(module) for module in student.pin_encoder] == [
        type(module) for module in source.pin_encoder
    ]
    before, after = source.embed_pins(tiny_pins), student.embed_pins(tiny_pins)
    wanted = before @ before.T
    errors = [np.abs(each @ each.T - wanted).mean() for each in (after, cut(before, 4))]
    assert errors[0] < 0.8 * errors[1]


def test_an_encoder_as_it_is_gets_a_projection(
    tiny_backbone: Path, data: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    config = StudentConfig(method="encoder", query_encoder=str(tiny_backbone))
    (tmp_path / "adopted").mkdir()
    adopt(config, data, tmp_path / "adopted")
    folder, made = narrow(tmp_path / "adopted", data, tmp_path / "narrow", 31)
    source, student = load_student(tmp_path / "adopted"), load_student(folder)
    assert student.head.width == student.embed_queries(["red shoes"]).shape[1] == 31
    assert len(student.query_encoder) == len(source.query_encoder) + 2
    assert read_json(folder / "training.json")["width"] == 31
    queries, pins = QUERIES[:3], tiny_pins[:10]
    products = [each.embed_queries(queries) @ each.embed_pins(pins).T for each in (source, student)]
    np.testing.assert_allclose(products[0], products[1], atol=0.02)  # one axis of 32 is left out
    assert made.head in ("cosine", "linear", "mlp")


def test_levels_that_were_read_off_texts_are_read_off_them_again(
    tiny_backbone: Path, silent: Path, tmp_path: Path
) -> None:
    config = StudentConfig(method="encoder", query_encoder=str(tiny_backbone))
    (tmp_path / "adopted").mkdir()
    adopt(config, silent, tmp_path / "adopted")
    _, made = narrow(tmp_path / "adopted", silent, tmp_path / "narrow", 8)
    assert made.head == "cosine"


def test_a_head_that_nothing_can_be_fitted_to_is_refused(
    nested: Path, silent: Path, tmp_path: Path
) -> None:
    with pytest.raises(StudentError, match=r"\(it has: 8, 4\).*No judgments.*student\.widths"):
        narrow(nested, silent, tmp_path / "narrow", 6)


@pytest.mark.parametrize("width", [0, 16, 20])
def test_a_width_that_is_no_narrower_is_refused(
    nested: Path, data: Path, tmp_path: Path, width: int
) -> None:
    with pytest.raises(StudentError, match=f"cannot be narrowed to {width}; allowed: 1 to 15"):
        narrow(nested, data, tmp_path / "narrow", width)


def test_a_folder_that_names_no_width_is_refused(nested: Path, data: Path, tmp_path: Path) -> None:
    odd = shutil.copytree(nested, tmp_path / "odd")
    (odd / "narrower_heads" / "wide").mkdir()
    with pytest.raises(
        StudentError, match=r"holds 'wide'; allowed are folders named after a width"
    ):
        narrow(odd, data, tmp_path / "narrow", 8)


def test_a_cut_query_encoder_keeps_the_narrower_heads(
    nested: Path, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "cut").mkdir()
    cut_student(nested, data, tmp_path / "cut", layers=1, steps=1, seed=1, bf16=False)
    assert hash_files(tmp_path / "cut" / "narrower_heads") == hash_files(nested / "narrower_heads")
