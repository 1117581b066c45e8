"""Which judged queries a graph's rankings are compared on."""

import polars as pl
import pytest

from pintower.export.judged import LEAST_QUERIES, draw_judgments


def judge(split: str = "test", **queries: int) -> pl.DataFrame:
    """Two pins for each query of each language, ``none`` for judgments that name none."""
    rows = [
        {"query": f"{language} {row}", "pin_id": f"p{level}", "level": level,
         "language": None if language == "none" else language, "split": split}
        for language, count in queries.items()
        for row in range(count)
        for level in (1, 5)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"language": pl.String})


def counts(table: pl.DataFrame) -> dict[str, int]:
    return dict(table.group_by("language").agg(pl.col("query").n_unique()).iter_rows())


def test_a_language_that_is_rare_in_the_draw_has_its_next_queries_added() -> None:
    judgments = judge(en=950, th=30, ko=20, hi=3)
    found = draw_judgments(judgments, 100, 7)
    assert counts(found).items() >= {"th": LEAST_QUERIES, "ko": LEAST_QUERIES, "hi": 3}.items()
    drawn = found.filter("drawn")
    assert drawn["query"].n_unique() == 100
    assert counts(drawn)["en"] == counts(found)["en"] > 80
    plain = draw_judgments(judgments.drop("language"), 100, 7)
    assert set(drawn["query"]) == set(plain["query"])
    assert plain["drawn"].all()


def test_the_draw_follows_from_seed_and_texts() -> None:
    judgments = judge(en=200, th=40)
    first, again = (draw_judgments(table, 50, 7) for table in (judgments, judgments.reverse()))
    assert first.equals(again)
    assert set(draw_judgments(judgments, 50, 8)["query"]) != set(first["query"])
    assert set(first["query"]) <= set(draw_judgments(judgments, 60, 7)["query"])


def test_judgments_without_a_language_are_one_of_their_own_beside_others() -> None:
    assert counts(draw_judgments(judge(en=40, none=40), 50, 7)).keys() == {"en", "unknown"}


@pytest.mark.parametrize("judgments", [judge(none=40), judge(en=40), judge(en=40).drop("language")])
def test_one_language_or_none_is_nothing_to_tell_apart(judgments: pl.DataFrame) -> None:
    drawn = draw_judgments(judgments, 5, 7)
    assert drawn["query"].n_unique() == 5
    assert drawn["language"].null_count() == len(drawn)


def test_held_out_queries_are_drawn_and_others_where_there_are_none() -> None:
    judgments = pl.concat([judge("train", en=50, th=50), judge("test", ko=3, ja=3)])
    assert counts(draw_judgments(judgments, 100, 7)) == {"ko": 3, "ja": 3}
    assert counts(draw_judgments(judge("train", en=5, th=5), 100, 7)) == {"en": 5, "th": 5}


def test_a_query_that_ranks_nothing_takes_no_languages_place() -> None:
    """Its pins in that language are of one level."""
    dull = judge(th=100).with_columns(level=pl.lit(3, pl.Int64))
    both = judge(en=100).with_columns(query=pl.col("query").str.replace("en", "th"))
    drawn = draw_judgments(pl.concat([dull, both, judge(th=0, ko=100)]), 10, 7)
    telling = drawn.filter(pl.col("level").n_unique().over("query", "language") > 1)
    assert counts(telling) == {"en": LEAST_QUERIES, "ko": LEAST_QUERIES}
