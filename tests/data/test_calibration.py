"""What a student is calibrated on follows from ids and texts, never from the test split."""

import polars as pl
import pytest

from pintower.config import DataConfig
from pintower.data.calibration import draw_calibration
from pintower.data.splits import split_judgments
from pintower.data.tables import empty
from pintower.errors import DatasetError

PINS = pl.DataFrame(
    {"pin_id": [f"p{row}" for row in range(2_000)], "title": [f"t {row}" for row in range(2_000)]}
)


def judge(queries: list[str], split: str | None) -> pl.DataFrame:
    return pl.DataFrame(
        {"query": queries, "pin_id": "p1", "level": 3, "split": split},
        schema_overrides={"split": pl.String},
    )


def log_of(queries: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"query": queries}, schema={"query": pl.String})


def drawn(
    log: list[str], judgments: pl.DataFrame, pins: pl.DataFrame = PINS
) -> dict[str, pl.DataFrame]:
    return draw_calibration(pins, judgments, log_of(log), empty("queries"))


def calibrated(queries: pl.DataFrame) -> set[str]:
    return set(queries.filter("calibrate")["query"])


def test_no_query_outside_the_training_split_is_calibrated_on_however_it_was_typed() -> None:
    log = ["Red  Shoes", "blue sofa", "LEMON cake"]
    judgments = pl.concat([judge(["red shoes"], "test"), judge(["lemon cake"], "validation")])
    found = drawn(log, judgments)["queries"]
    assert calibrated(found) == {"blue sofa"}
    assert set(found.filter("compare")["query"]) == set(log)


def test_no_query_that_a_build_would_hold_out_is_calibrated_on() -> None:
    """An encoder is adopted with every judgment in training; ``build`` splits them by itself."""
    queries = [f"query {row}" for row in range(200)]
    found = drawn(queries, judge(queries, "train"))["queries"]
    usual = DataConfig()
    split = split_judgments(
        judge(queries, None),
        seed=usual.seed,
        validation_share=usual.validation_share,
        test_share=usual.test_share,
    )
    held_out = set(split.filter(pl.col("split") == "test")["query"])
    assert held_out
    assert not calibrated(found) & held_out
    assert len(calibrated(found)) > 100


def test_titles_stand_in_where_every_logged_query_is_held_out() -> None:
    found = drawn(["red shoes"], judge(["red shoes", "t 7"], "test"))["queries"]
    assert "red shoes" not in calibrated(found)
    assert "t 7" not in calibrated(found)
    assert calibrated(found) < set(PINS["title"])


def test_a_changed_or_new_pin_moves_no_other() -> None:
    before = drawn(["a"], judge(["a"], "train"))["pins"]
    changed = PINS.with_columns(
        pl.when(pl.col("pin_id") == "p5").then(pl.lit("new")).otherwise("title").alias("title")
    )
    more = pl.concat([pl.DataFrame({"pin_id": ["extra"], "title": ["x"]}), changed])
    after = drawn(["a"], judge(["a"], "train"), more)["pins"]
    moved = set(before["pin_id"]) ^ set(after["pin_id"])
    assert len(moved - {"extra"}) <= 1
    assert after.filter(pl.col("pin_id") == "p5")["title"].to_list() in ([], ["new"])


def test_pins_that_are_calibrated_on_are_not_compared_on_where_there_are_enough() -> None:
    pins = drawn(["a"], judge(["a"], "train"))["pins"]
    assert pins["calibrate"].sum() == 1_024
    assert not (pins["calibrate"] & pins["compare"]).any()
    few = drawn(["a"], judge(["a"], "train"), PINS[:40])["pins"]
    assert few["calibrate"].all() and few["compare"].all()


def test_vectors_of_queries_follow_their_normal_form() -> None:
    vectors = pl.DataFrame({"query": ["red shoes"], "v": [[1.0, 2.0]]})
    made = draw_calibration(PINS, empty("judgments"), log_of(["Red Shoes", "blue"]), vectors)
    assert dict(made["queries"].select("query", "v").iter_rows()) == {
        "Red Shoes": [1.0, 2.0],
        "blue": None,
    }


def test_a_dataset_without_pins_is_refused() -> None:
    with pytest.raises(DatasetError, match="no pins"):
        drawn(["a"], empty("judgments"), PINS.clear())
