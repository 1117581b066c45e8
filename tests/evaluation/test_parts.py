import polars as pl

from pintower.evaluation.parts import parts_of


def judgments(*queries: str, **columns: list[str | None]) -> pl.DataFrame:
    nothing: list[str | None] = [None] * len(queries)
    texts = {"language": nothing, "country": nothing, **columns}
    return pl.DataFrame(
        {"query": queries, **texts}, schema=dict.fromkeys(("query", *texts), pl.String)
    )


def log(**requests: int) -> pl.DataFrame:
    queries = [query for query, count in requests.items() for _ in range(count)]
    return pl.DataFrame({"query": queries}, schema={"query": pl.String})


def test_bands_are_shares_of_the_logged_requests() -> None:
    """Of 20 requests the head makes up 10, head and torso 16."""
    by = parts_of(judgments("a", "b", "c", "d", "new"), log(a=10, b=4, c=2, d=1, e=1, f=1, g=1))
    assert by["frequency"].tolist() == ["head", "torso", "torso", "tail", "tail"]


def test_writings_of_one_query_are_counted_together() -> None:
    logged = pl.DataFrame({"query": ["Red  Shoes", "red shoes", "RED SHOES", "sofa"]})
    by = parts_of(judgments("red shoes", "Sofa"), logged)
    assert by["frequency"].tolist() == ["head", "torso"]


def test_a_log_in_which_no_query_comes_twice_has_no_bands() -> None:
    assert set(parts_of(judgments("a"), log(a=1, b=1))) == {"query_length"}
    assert set(parts_of(judgments("a"), log())) == {"query_length"}


def test_languages_and_countries_are_slices_where_a_judgment_names_one() -> None:
    by = parts_of(judgments("a", "b c", language=["en", None], country=["US", "DE"]), log())
    assert by["language"].tolist() == ["en", "unknown"]
    assert by["country"].tolist() == ["US", "DE"]
    assert by["query_length"].tolist() == ["1", "2-3"]
