"""ESCI: products of three locales become pins, labels become levels, upstream's test stays test."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pintower.config import DataConfig
from pintower.data.prepare import run
from pintower.data.reader import fingerprint, read_dataset
from pintower.data.tables import read_table
from pintower.errors import DatasetError

EXAMPLES = "shopping_queries_dataset_examples.parquet"
PRODUCTS = "shopping_queries_dataset_products.parquet"


def product(asin: str, locale: str, **texts: str | None) -> dict[str, str | None]:
    names = ("title", "description", "bullet_point", "brand", "color")
    given = {f"product_{name}": texts.get(name) for name in names}
    return {"product_id": asin, **given, "product_locale": locale}


def example(query: str, asin: str, locale: str, label: str, split: str) -> dict[str, Any]:
    return {
        "example_id": 0, "query": query, "query_id": 0, "product_id": asin,
        "product_locale": locale, "esci_label": label, "small_version": 0, "large_version": 1,
        "split": split,
    }  # fmt: skip


CATALOGUE = [
    product("B01", "us", title="Steel <b>Bottle</b>", description="<p>Keeps&nbsp;cold</p><br>Yes",
            bullet_point="1 litre\n&amp; a lid", brand="Acme", color="Blue"),
    product("B01", "es", title="Botella", brand="Acme"),
    product("B02", "jp", title="水筒", color=""),
    product("B03", "us", title="Nobody judged me"),
]  # fmt: skip
JUDGED = [
    example("bottle", "B01", "us", "E", "train"),
    example("botella", "B01", "es", "S", "test"),
    example("水筒", "B02", "jp", "C", "train"),
    example("lamp", "B01", "us", "I", "test"),
]


def write(
    folder: Path,
    *,
    products: list[dict[str, str | None]] = CATALOGUE,
    examples: list[dict[str, Any]] = JUDGED,
) -> None:
    pl.DataFrame(products, infer_schema_length=None).write_parquet(folder / PRODUCTS)
    pl.DataFrame(examples, infer_schema_length=None).write_parquet(folder / EXAMPLES)


def refuse(folder: Path, *parts: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_dataset(folder)
    for part in parts:
        assert part in str(caught.value)


def test_one_id_in_two_locales_is_two_pins(tmp_path: Path) -> None:
    write(tmp_path)
    data = read_dataset(tmp_path)
    assert data.layout == "ESCI"
    assert data.pins["pin_id"].to_list() == ["us:B01", "es:B01", "jp:B02", "us:B03"]
    assert data.pins["language"].to_list() == ["en", "es", "ja", "en"]
    assert data.pins["country"].to_list() == ["us", "es", "jp", "us"]


def test_markup_becomes_text_and_facts_become_the_caption(tmp_path: Path) -> None:
    write(tmp_path)
    bottle, botella, *_ = read_dataset(tmp_path).pins.to_dicts()
    assert bottle["title"] == "Steel Bottle"
    assert bottle["description"] == "Keeps cold Yes"
    assert bottle["caption"] == "Acme. Blue. 1 litre & a lid"
    assert (botella["description"], botella["caption"]) == ("", "Acme")


def test_labels_in_both_spellings_become_levels(tmp_path: Path) -> None:
    words = {"E": "exact", "S": "substitute", "C": "complement", "I": "irrelevant"}
    spelled = [row | {"esci_label": words[row["esci_label"]]} for row in JUDGED]
    for examples in (JUDGED, spelled):
        write(tmp_path, examples=examples)
        judgments = read_dataset(tmp_path).judgments
        assert judgments.select("pin_id", "level", "language", "country").rows() == [
            ("us:B01", 5, "en", "us"),
            ("es:B01", 4, "es", "es"),
            ("jp:B02", 2, "ja", "jp"),
            ("us:B01", 1, "en", "us"),
        ]


def test_upstreams_test_queries_are_all_of_the_test_split(tmp_path: Path) -> None:
    trained = [example(f"query {i}", "B01", "us", "E", "train") for i in range(60)]
    tested = [example(f"other {i}", "B01", "us", "E", "test") for i in range(3)]
    elsewhere = [example("Other 0", "B01", "es", "E", "train")]
    write(tmp_path, examples=[*trained, *tested, *elsewhere])
    out = tmp_path / "out"
    out.mkdir()
    run(DataConfig(path=tmp_path), {}, out)
    judgments = read_table(out, "judgments")
    queries = {split: set(judgments.filter(split=split)["query"]) for split in ("train", "test")}
    assert queries["test"] == {"other 0", "other 1", "other 2", "Other 0"}
    assert 45 < len(queries["train"]) < 60


def test_the_sources_file_is_not_needed_and_counts_for_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    before = fingerprint(tmp_path)
    (tmp_path / "shopping_queries_dataset_sources.csv").write_text("query_id,source\n0,other\n")
    assert len(read_dataset(tmp_path).judgments) == 4
    assert fingerprint(tmp_path) == before


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        (example("q", "B01", "us", "X", "train"), ("row 5", "esci_label 'X'", "I, C, S, E, irrel")),
        (example("q", "B01", "us", "E", "dev"), ("row 5", "split 'dev'", "train, test")),
        (
            example("q", "B03", "jp", "E", "test"),
            ("row 5", f"product_id 'B03', product_locale 'jp' is not in {PRODUCTS}", "of 5"),
        ),
        (example(" ", "B01", "us", "E", "train"), ("1 rows have no query", "rows 5")),
    ],
)
def test_broken_examples_are_refused(
    tmp_path: Path, row: dict[str, Any], parts: tuple[str, ...]
) -> None:
    write(tmp_path, examples=[*JUDGED, row])
    refuse(tmp_path, EXAMPLES, *parts)


def test_another_locale_is_refused(tmp_path: Path) -> None:
    write(tmp_path, products=[*CATALOGUE, product("B01", "de", title="Flasche")])
    refuse(tmp_path, PRODUCTS, "row 5", "product_locale 'de'", "us, es, jp")


@pytest.mark.parametrize(
    ("name", "column"), [(EXAMPLES, "esci_label"), (PRODUCTS, "product_bullet_point")]
)
def test_a_missing_column_is_refused(tmp_path: Path, name: str, column: str) -> None:
    write(tmp_path)
    pl.read_parquet(tmp_path / name).drop(column).write_parquet(tmp_path / name)
    refuse(tmp_path, name, f"lacks the column {column!r}", "found: ")


@pytest.mark.parametrize("name", [EXAMPLES, PRODUCTS])
def test_a_cut_file_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    refuse(tmp_path, name, "cannot be read as parquet", "cut off")


def test_examples_without_rows_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    pl.read_parquet(tmp_path / EXAMPLES).clear().write_parquet(tmp_path / EXAMPLES)
    refuse(tmp_path, EXAMPLES, "holds no rows", "esci-data")


def test_a_column_of_nothing_but_nan_is_absent(tmp_path: Path) -> None:
    """Pandas gives it the type double."""
    write(tmp_path)
    nan = pl.lit(float("nan")).alias("product_brand")
    pl.read_parquet(tmp_path / PRODUCTS).with_columns(nan).write_parquet(tmp_path / PRODUCTS)
    bottle = read_dataset(tmp_path).pins.to_dicts()[0]
    assert bottle["caption"] == "Blue. 1 litre & a lid"


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [
        (PRODUCTS, pl.lit(3).alias("product_title"), "row 1: product_title 3"),
        (PRODUCTS, pl.lit(True).alias("product_color"), "row 1: product_color True"),
        (PRODUCTS, pl.lit(1.5).alias("product_id"), "row 1: product_id 1.5"),
        (EXAMPLES, pl.lit(501).alias("query"), "row 1: query 501"),
        (EXAMPLES, pl.lit(2.0).alias("esci_label"), "row 1: esci_label 2.0"),
        (EXAMPLES, pl.lit(None).alias("esci_label"), "row 1: esci_label None"),
    ],
)
def test_columns_of_another_type_are_refused(
    tmp_path: Path, name: str, column: pl.Expr, said: str
) -> None:
    write(tmp_path)
    pl.read_parquet(tmp_path / name).with_columns(column).write_parquet(tmp_path / name)
    refuse(tmp_path, f"{name}, {said}")
